// One crop, large, with all that is known of it. It is open as long as the address names a crop.
import { fileOf, hashOf, pictureOf } from "./ask.js";
import { trackName } from "./cards.js";
import { bytes, el, moment, percent, say } from "./shape.js";

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
let crops = [], place = -1, day = "", shown = "";
let isFromTrack = false; // then leaving is going back, and no second entry of the track stays in the history

// `faces`: of the track, newest first; `file`: the one to show, empty for none. False when it is not among them.
export function show(faces, file, ofDay) {
  crops = faces;
  day = ofDay;
  place = file ? crops.findIndex((crop) => fileOf(crop.key) === file) : -1;
  if (place < 0) {
    if ($("viewer").open) $("viewer").close();
    shown = "";
    if (!file) isFromTrack = false;
    return !file;
  }
  say($("place"), `${place + 1} of ${crops.length}`);
  $("newer").disabled = place === 0;
  $("older").disabled = place === crops.length - 1;
  if (crops[place].key !== shown) fill(crops[place]);
  if (!$("viewer").open) $("viewer").showModal();
  return true;
}

function fill(crop) {
  shown = crop.key;
  const image = $("picture");
  image.alt = `Face of track ${crop.track}, seen by ${crop.robot}`;
  image.src = pictureOf(crop.key);
  $("download").href = `${pictureOf(crop.key)}?download`;
  const size = el("span", {}, bytes(crop.bytes));
  const rows = [
    ["Taken", crop.time ? moment(el("time"), crop.time) : "nobody said when"],
    ["Came", moment(el("time"), crop.stored)],
    ["Robot", crop.robot],
    ["Track", trackName(crop.track)],
    ["Edge", crop.edge || "not told"],
    ["Confidence", meter(crop.confidence)],
    ["Quality", meter(crop.quality)],
    ["Size", size],
    ["Box", crop.box.map((part) => part.toFixed(3)).join(", ")],
    ["Key", el("code", {}, crop.key)],
  ];
  $("about").replaceChildren(...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  drawFrame(crop, 4 / 3);
  image.onload = () => {
    if (shown !== crop.key) return;
    say(size, `${image.naturalWidth} × ${image.naturalHeight} px, ${bytes(crop.bytes)}`);
    const [, , w, h] = crop.box; // the crop's shape and its share of the picture give the picture's shape
    drawFrame(crop, Math.min(4, Math.max(0.25, (image.naturalWidth / image.naturalHeight) * (h / w))));
  };
}

function meter(share) {
  const bar = el("i");
  bar.style.setProperty("--share", percent(share).replace(" ", ""));
  return el("span", { class: "meter" }, bar, el("span", {}, percent(share)));
}

function drawFrame(crop, aspect) {
  const [x, y, w, h] = crop.box, height = 100, width = height * aspect;
  const place = { x: x * width, y: y * height, width: w * width, height: h * height };
  $("frame").setAttribute("viewBox", `-1 -1 ${width + 2} ${height + 2}`);
  $("frame").replaceChildren(
    drawn("rect", { class: "sight", x: 0, y: 0, width, height, rx: 2 }),
    drawn("image", { ...place, href: pictureOf(crop.key), preserveAspectRatio: "none" }),
    drawn("rect", { class: "box", ...place, rx: 1 }));
  say($("where"), w === 1 && h === 1 ? "The camera's whole picture" : `${percent(w * h)} of the camera's picture`);
}

function drawn(tag, about) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(about)) node.setAttribute(name, value);
  return node;
}

// Another crop of the same track is named: at once, without asking anybody.
export const follow = (file) => show(crops, file, day);

function go(step) {
  const crop = crops[place + step];
  if (!crop) return;
  location.replace(hashOf(day, crop.robot, crop.track, fileOf(crop.key)));
  follow(fileOf(crop.key));
}

function leave() {
  const crop = crops[place];
  if (isFromTrack) history.back(); else if (crop) location.replace(hashOf(day, crop.robot, crop.track));
}

export function setUp() {
  document.addEventListener("click", (event) => {
    if (event.target.closest(".crop") && !event.ctrlKey && !event.metaKey && !event.shiftKey) isFromTrack = true;
  });
  $("newer").onclick = () => go(-1);
  $("older").onclick = () => go(1);
  $("close").onclick = leave;
  $("viewer").oncancel = (event) => { event.preventDefault(); leave(); };
  $("viewer").onclick = (event) => { if (event.target === $("viewer")) leave(); }; // beside it
  $("viewer").onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    go(step);
  };
  $("picture").onerror = () => { $("picture").dataset.failed = "1"; };
}
