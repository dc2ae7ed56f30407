// The page: one of four modes (start, camera, photo, live), a garment that is chosen, and the photo it is tried on.
import { Problem, ask, jpeg, post, shrunk, tryOn } from "./ask.js";
import { drawPose } from "./body.js";
import { Camera } from "./camera.js";
import { Live } from "./live.js";
import { Slider } from "./slider.js";

const KINDS = { top: "Tops", jacket: "Jackets", dress: "Dresses", trousers: "Trousers" };
const COUNT_FROM = 3;
const RETRIES = 6; // of a try-on that found the mirror full
const $ = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");

const camera = new Camera($("video"));
const slider = new Slider($("slider"), $("slide"), $("frame"));
const live = new Live(camera, $("live"), liveTold);

let about = { garments: [], picture_px: 1024, max_upload_bytes: 12e6, areas: [], keep_minutes: 10 };
let mode = "start", kind = "", chosen = "", photo = null, working = null, counting = null, again = null;
// photo: { id, until, width, height, results: Map(garment -> result), body }

const seen = (id, on) => $(id).toggleAttribute("hidden", !on); // SVG elements have no property for it

function show(next) {
  mode = document.body.dataset.mode = next;
  $("welcome").hidden = next !== "start";
  $("frame").hidden = next === "start";
  $("frame").classList.toggle("mirrored", camera.mirrored);
  $("video").hidden = next !== "camera" && next !== "live";
  seen("guide", next === "camera");
  $("rate").hidden = true;
  if (next !== "live") $("live").hidden = true;
  if (next !== "photo") for (const id of ["before", "after", "slider", "areas", "pose", "legend", "notes"]) seen(id, false);
  if (next === "camera" || next === "live") sized(camera.width, camera.height);
  if (next !== "photo") $("made").textContent = "";
  marks();
}

function sized(width, height) {
  $("frame").style.setProperty("--w", width || 4);
  $("frame").style.setProperty("--h", height || 3);
}

// ---- what is said ----

function news(text, share = null, warn = false) {
  $("news").hidden = text === null;
  if (text === null) return;
  $("news").classList.toggle("warn", warn);
  if ($("news-text").textContent !== text) $("news-text").textContent = text;
  $("bar").parentElement.hidden = share === null;
  if (share !== null) {
    $("bar").style.setProperty("--share", `${Math.round(100 * share)}%`);
    $("bar").parentElement.setAttribute("aria-valuenow", Math.round(100 * share));
  }
}

function problem(error, repeat = null) {
  again = repeat;
  $("problem").hidden = error === null;
  $("again").hidden = repeat === null;
  if (error === null) return;
  news(null);
  $("problem").querySelector("span").textContent = error.message;
}

const guarded = (work) => async (...given) => {
  try { await work(...given); } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Problem)) console.error(error);
    problem(error instanceof Problem ? error : new Problem(`Something went wrong on this page: ${error.message}`));
  }
};

// ---- camera ----

const turnOn = guarded(async () => {
  problem(null);
  stopWork();
  news("Waiting for the camera");
  try { await camera.start(); } finally { news(null); }
  photo = null;
  show("camera");
  $("turn").hidden = !await Camera.several();
  $("snap").focus({ preventScroll: true });
});

async function snap() {
  if (mode !== "camera") return;
  if (counting) { counting(); return; } // pressed again: not now
  if ($("timer").getAttribute("aria-pressed") === "true" && !await countdown()) return;
  flash();
  const scale = Math.min(1, about.picture_px / Math.max(camera.width, camera.height));
  const blob = await jpeg(camera.video, Math.round(camera.width * scale), Math.round(camera.height * scale), camera.mirrored, 0.93);
  await take(blob);
}

async function countdown() {
  $("snap").classList.add("counting");
  $("count").hidden = false;
  try {
    for (let left = COUNT_FROM; left > 0; left--) {
      $("count").textContent = left;
      $("count").classList.remove("tick");
      void $("count").offsetWidth; // so that the animation begins anew
      $("count").classList.add("tick");
      const went = await new Promise((done) => { const timer = setTimeout(() => done(true), 1000); counting = () => { clearTimeout(timer); done(false); }; });
      if (!went || mode !== "camera") return false;
    }
    return true;
  } finally {
    counting = null;
    $("count").hidden = true;
    $("count").textContent = "";
    $("snap").classList.remove("counting");
  }
}

function flash() {
  $("flash").classList.remove("on");
  void $("flash").offsetWidth;
  $("flash").classList.add("on");
}

// ---- photo ----

const choose = guarded(async (file) => {
  if (!file) return;
  if (file.type && !file.type.startsWith("image/")) throw new Problem("This is not a picture. Choose a photo as JPEG or PNG.");
  problem(null);
  news("Making the photo ready");
  await take(await shrunk(file, about));
});

async function take(blob) {
  stopWork();
  problem(null);
  const stop = working = new AbortController(), former = photo;
  const local = URL.createObjectURL(blob);
  photo = null; // a garment that is chosen meanwhile is for the new one
  try {
    const { width, height } = await measured(local);
    if (width) { // else the browser cannot show it; what the server says about it will be told
      frameOf(local, width, height);
      camera.stop();
      live.stop();
      show("photo");
      news("Looking for you in the picture");
    }
    const taken = await ask("api/pictures", { method: "POST", body: blob, headers: { "Content-Type": blob.type || "application/octet-stream" }, signal: stop.signal });
    keep(taken);
    notes(taken.notes);
    news(null);
    if (chosen) dress(chosen); else $("garments").querySelector("button")?.focus({ preventScroll: true });
  } catch (error) {
    if (error.name !== "AbortError" && working === stop) failed(error, former);
    throw error;
  } finally {
    if (working === stop) working = null;
    setTimeout(() => URL.revokeObjectURL(local), 0); // the server's upright one is shown by now
  }
}

function failed(error, former) { // the former photo is there still; where nobody was seen, it is shown which one it was
  news(null);
  if (mode !== "photo") { photo = former; return; }
  if (error.status === 422) { show("photo"); return; }
  photo = former;
  show(former ? "photo" : "start");
  if (!former) return;
  frameOf(`api/pictures/${former.id}.jpg`, former.width, former.height);
  if (former.results.has(chosen)) dress(chosen);
}

function measured(url) {
  return new Promise((done) => {
    const image = new Image();
    image.onload = () => done({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => done({ width: 0, height: 0 });
    image.src = url;
  });
}

function frameOf(url, width, height) {
  sized(width, height);
  for (const id of ["after", "slider", "areas", "pose", "legend", "notes"]) seen(id, false);
  for (const id of ["show-pose", "show-areas"]) $(id).setAttribute("aria-pressed", "false");
  $("made").textContent = "";
  $("before").src = url;
  $("before").hidden = false;
}

function keep(taken) {
  photo = { id: taken.picture, until: Date.now() + 1000 * taken.left_s, width: taken.width, height: taken.height, results: new Map(), body: null };
  for (const { garment, result } of taken.results || []) photo.results.set(garment, { result });
  frameOf(`api/pictures/${photo.id}.jpg`, photo.width, photo.height);
  marks();
  tick();
}

function notes(texts) {
  $("notes").replaceChildren(...(texts || []).map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  $("notes").hidden = !(texts || []).length;
}

// ---- trying on ----

const dress = guarded(async (garment) => {
  if (!photo) return;
  problem(null);
  stopWork();
  const tried = photo.results.get(garment);
  if (tried) { await wear(tried); return; }
  const stop = working = new AbortController(), whose = photo;
  marks();
  try {
    const made = await patiently(() => {
      news("Sending the photo to a node", 0);
      return tryOn(whose.id, garment, heard, stop.signal);
    }, stop.signal);
    whose.results.set(garment, made);
    news(null);
    if (photo === whose && chosen === garment) await wear(made);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 410) { photo = null; show("photo"); }
    problem(error, error.status === 422 || error.status === 404 || error.status === 410 ? null : () => dress(garment));
  } finally {
    if (working === stop) { working = null; news(null); }
    marks();
  }
});

async function patiently(work, signal) { // a full mirror is asked again when it said to
  for (let left = RETRIES; ; left--) {
    try { return await work(); } catch (error) {
      if (error.status !== 429 || !left) throw error;
      const wait = Math.ceil(Math.max(1, error.retryAfter));
      for (let second = wait; second > 0; second--) {
        news(`Many are before the mirror. Asking again in ${second} s`, 0);
        await new Promise((done) => setTimeout(done, 1000));
        signal.throwIfAborted();
      }
    }
  }
}

function heard({ kind: what, text, share, place, length }) {
  if (what === "queued" && place > 0) news(length > 1 ? `Place ${place} of ${length} in the queue` : "Next in the queue", share);
  else news(text.charAt(0).toUpperCase() + text.slice(1), share, what === "retrying");
}

async function wear(made) {
  const image = $("after"), first = image.hidden;
  image.src = `api/results/${made.result}.jpg`;
  await image.decode().catch(() => { throw new Problem("The result cannot be shown. Try again."); });
  image.hidden = $("slider").hidden = false;
  if (first) slider.reveal(still.matches);
  for (const [id, ending] of [["save-jpg", "jpg"], ["save-png", "png"]]) $(id).href = `api/results/${made.result}.${ending}?download`;
  const by = made.node ? `, dressed by ${made.node} (${made.engine}) in ${made.took_s.toFixed(made.took_s < 10 ? 1 : 0)} s` : "";
  const retried = made.tries > 1 ? ", after another node had failed" : "";
  $("made").textContent = `${nameOf(chosen)}${by}${retried}`;
  marks();
}

function stopWork() {
  working?.abort();
  working = null;
  news(null);
}

// ---- garments ----

function marks() {
  const busy = working !== null && mode === "photo" && photo !== null;
  for (const button of $("garments").querySelectorAll("button")) {
    const id = button.dataset.id;
    button.setAttribute("aria-checked", id === chosen);
    button.classList.toggle("tried", mode === "photo" && Boolean(photo?.results.has(id)));
    button.classList.toggle("busy", busy && id === chosen);
  }
  const worn = mode === "photo" && photo?.results.has(chosen);
  for (const id of ["save-jpg", "save-png"]) {
    $(id).setAttribute("aria-disabled", !worn);
    if (!worn) $(id).removeAttribute("href");
  }
  for (const id of ["next", "show-pose", "show-areas"]) $(id).disabled = !photo;
  $("left").hidden = !photo;
}

function pick(garment, focus = false) {
  chosen = garment;
  const button = [...$("garments").children].find((each) => each.dataset.id === garment);
  for (const each of $("garments").querySelectorAll("button")) each.tabIndex = each === button ? 0 : -1;
  if (focus) button?.focus({ preventScroll: true });
  button?.scrollIntoView({ block: "nearest", inline: "center", behavior: still.matches ? "auto" : "smooth" });
  marks();
  if (mode === "photo" && photo) dress(garment);
  if (mode === "live") live.choose(garment);
}

function shownGarments() { return about.garments.filter((each) => !kind || each.kind === kind); }

function next(step = 1) {
  const all = shownGarments();
  if (!all.length) return;
  const at = all.findIndex((each) => each.id === chosen);
  pick(all[(at + step + all.length) % all.length].id);
}

function nameOf(garment) { return about.garments.find((each) => each.id === garment)?.name || ""; }

function wardrobe() {
  const kinds = ["", ...Object.keys(KINDS).filter((each) => about.garments.some((garment) => garment.kind === each))];
  $("kinds").replaceChildren(...kinds.map((each) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: KINDS[each] || "All" });
    button.setAttribute("aria-pressed", each === kind);
    button.onclick = () => { kind = each; wardrobe(); [...$("kinds").children][kinds.indexOf(each)].focus(); };
    return button;
  }));
  const all = shownGarments();
  $("garments").replaceChildren(...all.map((garment, index) => {
    const button = document.createElement("button");
    button.type = "button"; button.className = "garment"; button.dataset.id = garment.id; button.title = garment.name;
    button.setAttribute("role", "radio");
    button.tabIndex = garment.id === chosen || (index === 0 && !all.some((each) => each.id === chosen)) ? 0 : -1;
    const tile = Object.assign(document.createElement("span"), { className: "tile" });
    tile.append(Object.assign(document.createElement("img"), { src: `api/garments/${encodeURIComponent(garment.id)}.png`, alt: "", loading: "lazy", draggable: false }));
    button.append(tile, Object.assign(document.createElement("b"), { textContent: garment.name })); // names are text, never markup
    button.onclick = () => pick(garment.id);
    return button;
  }));
  if (!about.garments.length) $("garments").append(Object.assign(document.createElement("p"), { textContent: "No garments yet: tagalong garments add photo.jpg" }));
  marks();
}

$("garments").onkeydown = (event) => {
  const all = [...$("garments").querySelectorAll("button")];
  const at = all.indexOf(document.activeElement);
  if (at < 0) return;
  const row = all.filter((each) => each.offsetTop === all[0].offsetTop).length;
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + row, ArrowUp: at - row, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined || !all[to]) return;
  event.preventDefault();
  all[at].tabIndex = -1;
  all[to].tabIndex = 0;
  all[to].focus();
};

// ---- overlays ----

async function overlay(id) {
  const button = $(id), on = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", on);
  if (id === "show-pose") {
    if (on && !photo.body) photo.body = await ask(`api/pictures/${photo.id}/body`);
    if (on) drawPose($("pose"), photo.body.points, photo.width, photo.height);
    seen("pose", on);
  } else {
    if (on) $("areas").src = `api/pictures/${photo.id}/areas.png`;
    $("areas").hidden = $("legend").hidden = !on;
  }
}

function legend() {
  const plain = new Map(); // left and right of a pair have nearly one colour: one entry
  for (const { name, colour } of about.areas) plain.set(name.replace(/^(left|right) /, ""), colour);
  $("legend").replaceChildren(...[...plain].map(([name, colour]) => {
    const entry = document.createElement("li"), dot = document.createElement("i");
    dot.style.background = colour;
    entry.append(dot, name);
    return entry;
  }));
}

// ---- live ----

async function goLive() {
  if (!camera.on) return;
  problem(null);
  if (!chosen && shownGarments().length) pick(shownGarments()[0].id);
  show("live");
  news("The first picture is on its way");
  live.start(chosen);
}

function liveTold(told) {
  if (mode !== "live") return;
  if (told.error !== undefined) { $("rate").hidden = true; news(told.error, null, true); return; }
  news(null);
  $("rate").hidden = false;
  $("rate").querySelector("b").textContent = `${told.rate.toFixed(1)} frames/s`;
  $("rate").querySelector("span").textContent = told.ms ? `${told.ms} ms · ${told.node}` : "";
}

function stopLive() {
  live.stop();
  news(null);
  show("camera");
}

// ---- forgetting ----

const forget = guarded(async () => {
  wipe();
  show("start");
  const { forgotten } = await ask("api/forget", post("", {}));
  news(forgotten ? "Forgotten. Nothing of your photos is kept." : "There was nothing to forget.");
  setTimeout(() => { if (mode === "start") news(null); }, 4000);
});

function wipe() {
  stopWork();
  counting?.();
  live.stop();
  camera.stop();
  problem(null);
  photo = null;
  for (const id of ["before", "after", "areas"]) $(id).removeAttribute("src");
  $("pose").replaceChildren();
  $("live").width = $("live").height = 0;
}

function tick() {
  if (!photo) return;
  const left = Math.max(0, Math.round((photo.until - Date.now()) / 1000));
  $("left").title = "time left until your photo is dropped";
  $("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  $("left").hidden = false;
  if (left) return;
  wipe();
  show("start");
  problem(new Problem(`Your photo was dropped after ${about.keep_minutes} minutes. Take a new one.`));
}

// ---- wiring ----

$("camera-on").onclick = $("anew").onclick = turnOn;
$("snap").onclick = guarded(snap);
$("turn").onclick = guarded(async () => { await camera.turn(); show("camera"); });
$("timer").onclick = () => $("timer").setAttribute("aria-pressed", $("timer").getAttribute("aria-pressed") !== "true");
$("next").onclick = $("live-next").onclick = () => next();
$("show-pose").onclick = guarded(() => overlay("show-pose"));
$("show-areas").onclick = guarded(() => overlay("show-areas"));
$("go-live").onclick = guarded(goLive);
$("stop-live").onclick = stopLive;
$("forget").onclick = forget;
$("close").onclick = () => problem(null);
$("again").onclick = () => again?.();
for (const button of document.querySelectorAll(".upload")) button.onclick = () => $("file").click();
$("file").onchange = () => { choose($("file").files[0]); $("file").value = ""; };

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files][0];
  if (file) { event.preventDefault(); choose(file); }
});
let dragged = 0;
document.addEventListener("dragenter", (event) => { if (event.dataTransfer.types.includes("Files")) { dragged++; document.body.classList.add("dragging"); } });
document.addEventListener("dragleave", () => { dragged = Math.max(0, dragged - 1); if (!dragged) document.body.classList.remove("dragging"); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  dragged = 0;
  document.body.classList.remove("dragging");
  choose(event.dataTransfer.files[0]);
});
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { if (counting) counting(); else problem(null); return; }
  if (event.key === "n" && (mode === "photo" || mode === "live")) { next(); return; }
  if (event.key === " " && mode === "camera" && !event.target.closest("button, input, a")) { event.preventDefault(); $("snap").click(); }
});
addEventListener("pagehide", () => { camera.stop(); live.stop(); });
setInterval(tick, 1000);

function theme(name) {
  document.documentElement.dataset.theme = name;
  try { localStorage.setItem("theme", name); } catch { /* then it holds until the page is closed */ }
}
$("theme").onclick = () => {
  const light = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "light" : matchMedia("(prefers-color-scheme: light)").matches;
  theme(light ? "dark" : "light");
};
try { const kept = localStorage.getItem("theme"); if (kept === "light" || kept === "dark") theme(kept); } catch { /* as the system has it */ }

show("start");
guarded(async () => {
  about = await ask("api/state");
  for (const each of document.querySelectorAll(".keep")) each.textContent = about.keep_minutes;
  legend();
  wardrobe();
  const last = about.pictures.at(-1);
  if (last && mode === "start") { // the page was loaded anew
    show("photo");
    keep(last);
    const worn = last.results.at(-1);
    if (worn) { pick(worn.garment); }
  }
})();
