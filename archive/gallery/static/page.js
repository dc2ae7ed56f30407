// The page: which day or track the address names, what the server has of it, asked for again every two seconds.
import { Problem, ask, hashOf, post, route } from "./ask.js";
import { cropTile, edgeOf, showCrop, showTrack, trackCard, trackKey, trackName, tryAgain } from "./cards.js";
import { NO_TRACK, UNDATED, counted, dayName, dayRow, el, grouped, monthOf, percent, reconcile, say, span } from "./shape.js";
import * as viewer from "./viewer.js";

const POLL_MS = 2000, PAGE = 60, MOST = 2000, AT_TOP = 120;
const $ = (id) => document.getElementById(id);

let robot = "", find = ""; // the filters
let limit = PAGE, view = "", down = null, round = 0, timer = 0, hadProblem = false, followed = null;
let latest = ""; // the day that is shown where the address names none
const places = new Map(); // view -> how far down it was, and how much of it was there

// ---- asking ----

async function refresh() {
  clearTimeout(timer);
  const mine = ++round;
  try {
    const at = route();
    const days = await ask("api/days");
    const path = at.track
      ? `api/faces?${new URLSearchParams({ day: at.day, robot: at.robot, track: at.track, limit: at.file ? MOST : limit })}`
      : `api/tracks?${new URLSearchParams({ day: at.day, robot, find, limit })}`;
    const found = await ask(path);
    if (mine !== round) return; // somebody went on meanwhile
    showDays(days, found.day);
    if (at.track) showOneTrack(at, found); else showTracks(days, found);
    settle();
    problem(null);
  } catch (error) {
    if (mine !== round) return;
    if (!(error instanceof Problem)) console.error(error);
    problem(error instanceof Problem ? error : new Problem(`Something went wrong on this page: ${error.message}`));
  }
  if (!document.hidden) timer = setTimeout(refresh, POLL_MS);
}

function problem(error) {
  $("problem").hidden = error === null;
  $("live").classList.toggle("off", error !== null);
  say($("live").lastElementChild, error === null ? "live" : "waiting");
  if (error !== null) say($("problem"), error.message);
  if (error === null && hadProblem) tryAgain();
  hadProblem = error !== null;
  if (document.body.dataset.view === "wait" && error !== null) document.body.dataset.view = "failed";
}

// ---- days ----

function showDays({ days }, day) {
  const most = Math.max(1, ...days.map((each) => each.faces || 0));
  const rows = [];
  for (const each of days) {
    const name = monthOf(each.day);
    if (name && rows.at(-1)?.month !== name && !rows.some((row) => row.month === name)) rows.push({ month: name });
    rows.push(each);
  }
  reconcile($("days"), rows, {
    key: (row) => row.month ? `month ${row.month}` : row.day,
    make: (row) => row.month
      ? el("li", { class: "month" }, row.month)
      : el("li", {}, el("a", {}, el("span"), el("i", { "aria-hidden": "true" }), el("b"))),
    update: (node, row) => {
      if (row.month) return;
      const link = node.firstElementChild, [name, bar, count] = link.children;
      link.setAttribute("href", hashOf(row.day));
      if (row.day === day) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
      say(name, dayRow(row.day));
      bar.style.setProperty("--share", `${Math.round(100 * Math.sqrt((row.faces || 0) / most))}%`);
      say(count, row.faces === null ? "…" : grouped(row.faces));
      link.title = row.day === UNDATED
        ? "Faces whose time nobody told, or a clock that was wrong"
        : `${dayName(row.day)} (a day in UTC)${row.faces === null ? "" : `: ${counted(row.faces, "face")} of ${counted(row.tracks, "track")}`}`;
    },
  });
  const current = $("days").querySelector("[aria-current]");
  if (current && followed !== day) { // a day that is chosen is in sight, also among many
    followed = day;
    const box = $("days"), across = box.scrollWidth > box.clientWidth;
    if (across) box.scrollLeft = current.parentElement.offsetLeft - box.clientWidth / 2 + current.offsetWidth / 2;
  }
}

// ---- the tracks of a day ----

function showTracks(days, found) {
  const isEmpty = !days.days.length;
  enter(isEmpty ? "empty" : "day");
  viewer.show([], "", "");
  document.title = isEmpty ? "tagalong gallery" : `${dayName(found.day)} · tagalong gallery`;
  say($("storage"), days.storage);
  say($("store"), `tagalong archive store --store ${/^[\w./:~-]+$/.test(days.storage) ? days.storage : `'${days.storage}'`}`);
  if (isEmpty) { $("cards").replaceChildren(); $("news").hidden = $("more").hidden = $("none").hidden = true; return; }
  if (!route().day) { latest = found.day; view = `day ${latest}`; }
  say($("day"), dayName(found.day));
  say($("day-count"), `${counted(found.faces, "face")} of ${counted(found.total, "track")}`);
  showRobots(found.robots);
  if ($("cards").dataset.day !== found.day) { $("cards").replaceChildren(); $("cards").dataset.day = found.day; }
  fillGrid($("cards"), found.tracks, found.total, "new", {
    key: trackKey, make: trackCard, update: (node, track) => showTrack(node, track, found.day),
  });
  const filtered = robot || find;
  $("none").hidden = found.total > 0;
  say($("none"), filtered
    ? `No track${find ? ` with “${find}” in its name` : ""}${robot ? ` of robot ${robot}` : ""} on this day.`
    : "Nothing is here of this day any more.");
}

function showRobots(robots) {
  const all = robots.some(([name]) => name === robot) || !robot ? robots : [...robots, [robot, 0]];
  const total = robots.reduce((sum, [, faces]) => sum + faces, 0);
  reconcile($("robots"), [["", total], ...all], {
    key: ([name]) => `robot ${name}`,
    make: ([name]) => {
      const button = el("button", { type: "button" }, el("span"), el("b"));
      button.onclick = () => { robot = name; limit = PAGE; scrollTo(0, 0); refresh(); };
      return button;
    },
    update: (button, [name, faces]) => {
      button.setAttribute("aria-pressed", String(name === robot));
      say(button.children[0], name || "All");
      say(button.children[1], grouped(faces));
    },
  });
  $("robots").hidden = all.length < 2 && !robot;
}

// ---- the crops of a track ----

function showOneTrack(at, found) {
  enter("track");
  document.title = `${trackName(at.track)} · ${at.robot} · tagalong gallery`;
  $("back").setAttribute("href", hashOf(at.day));
  say($("back").lastElementChild, dayRow(at.day));
  $("back").title = `Back to ${dayName(at.day)} (Esc)`;
  say($("track-name"), trackName(at.track));
  const about = $("track-about"), track = found.track;
  $("forget").hidden = !track;
  $("none").hidden = Boolean(track);
  say($("none"), "Nothing is here of this track any more.");
  const state = JSON.stringify(track);
  if (about.dataset.state !== state) {
    about.dataset.state = state;
    about.replaceChildren();
    if (track) {
      const by = el("span", { class: "by" }, el("i"), el("span", { class: "edge" }), el("span"));
      edgeOf(by, track.edges);
      say(by.lastElementChild, track.edges.length > 1 ? `and ${track.edges.length - 1} more` : "");
      const when = el("span");
      when.append(...span(track.first, track.last, at.day));
      about.append(el("span", { class: "robot" }, at.robot), when, el("span", {}, counted(track.faces, "crop")),
        el("span", {}, `${percent(track.best.confidence)} sure`), by);
    }
  }
  if ($("crops").dataset.of !== view) { $("crops").replaceChildren(); $("crops").dataset.of = view; }
  fillGrid($("crops"), found.faces, found.total, "newer", {
    key: (crop) => crop.key, make: cropTile, update: (node, crop) => showCrop(node, crop, at.day),
  });
  if (!viewer.show(found.faces, route().file, at.day) && track) toast("This face is not here any more.");
}

// ---- grids ----

function fillGrid(box, items, total, word, how) {
  const still = down === null && scrollY > AT_TOP && box.children.length > 0;
  const held = reconcile(box, items, { ...how, still });
  $("news").hidden = !held;
  say($("news"), `↑ ${held} ${word}`);
  $("more").hidden = items.length >= total || items.length >= MOST;
}

// Whether the address names another view, and not the same one with another crop.
function arrive() {
  const { day, robot: who, track } = route(), name = track ? `track ${hashOf(day, who, track)}` : `day ${day || latest}`;
  if (name === view) return false;
  places.set(view, [scrollY, limit]);
  view = name;
  [down, limit] = places.get(name) || [0, PAGE];
  return true;
}

function enter(next) {
  document.body.dataset.view = next;
}

// Once its content is there: as far down as it was left.
function settle() {
  if (down === null) return;
  scrollTo(0, down);
  down = null;
}

// ---- forgetting ----

function askToForget() {
  const { robot: who, track } = route();
  $("confirm-problem").hidden = true;
  say($("confirm-text"), track === NO_TRACK
    ? `All faces of ${who} that belong to no track are deleted from the storage, of every day.`
    : `All faces of track ${track} of ${who} are deleted from the storage, of every day.`);
  $("confirm").showModal();
}

async function forget() {
  const { day, robot: who, track } = route();
  $("confirmed").disabled = true;
  try {
    const { objects } = await post("api/forget", { robot: who, track });
    $("confirm").close();
    toast(`Forgotten: ${counted(objects, "face")} deleted.`);
    location.hash = hashOf(day);
    refresh();
  } catch (error) {
    say($("confirm-problem"), error.message);
    $("confirm-problem").hidden = false;
  } finally {
    $("confirmed").disabled = false;
  }
}

let toasting = 0;
function toast(text) {
  say($("toast"), text);
  $("toast").classList.add("on");
  clearTimeout(toasting);
  toasting = setTimeout(() => { $("toast").classList.remove("on"); say($("toast"), ""); }, 6000);
}

// ---- what the user does ----

$("news").onclick = () => { scrollTo(0, 0); requestAnimationFrame(refresh); };
$("more").onclick = () => { limit = Math.min(MOST, limit + PAGE); refresh(); };
$("forget").onclick = askToForget;
$("confirmed").onclick = forget;
$("cancel").onclick = () => $("confirm").close();
$("home").onclick = () => { robot = find = $("find").value = ""; };
$("skip").onclick = (event) => { event.preventDefault(); $("faces").focus(); };
let typing = 0;
$("find").oninput = () => {
  clearTimeout(typing);
  typing = setTimeout(() => { find = $("find").value.trim(); limit = PAGE; refresh(); }, 150);
};
history.scrollRestoration = "manual";
addEventListener("hashchange", () => {
  if (!arrive()) viewer.follow(route().file);
  refresh();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
addEventListener("keydown", (event) => {
  const typingNow = event.target instanceof HTMLInputElement;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "/" && !typingNow && document.body.dataset.view === "day") { event.preventDefault(); $("find").focus(); }
  if (event.key === "Escape" && !typingNow && document.body.dataset.view === "track") location.hash = hashOf(route().day);
});
viewer.setUp();
arrive();
refresh();
