// What the grids are made of: a card for a track, a tile for one crop.
import { fileOf, hashOf, pictureOf } from "./ask.js";
import { NO_TRACK, counted, el, grouped, hue, moment, percent, say, span } from "./shape.js";

const TILE = 360; // pixels of a face's place, so that nothing moves when it comes

export function face() {
  const image = el("img", { class: "face", width: TILE, height: TILE, loading: "lazy", decoding: "async", alt: "" });
  image.onerror = () => { image.dataset.failed = "1"; };
  image.onload = () => { delete image.dataset.failed; };
  return image;
}

export function showFace(image, key, alt) {
  const address = pictureOf(key);
  if (image.getAttribute("src") !== address) image.src = address;
  if (image.alt !== alt) image.alt = alt;
}

// Pictures that could not be had while the storage was away.
export function tryAgain() {
  for (const image of document.querySelectorAll("img[data-failed]")) {
    delete image.dataset.failed;
    image.src = image.getAttribute("src");
  }
}

export const trackName = (track) => track === NO_TRACK ? "Without a track" : track;

export const trackKey = (track) => JSON.stringify([track.robot, track.track]);

export function trackCard() {
  const card = el("a", { class: "card" }, face(), el("b", { class: "many" }),
    el("span", { class: "text" }, el("b", { class: "name" }), el("span", { class: "when" }),
      el("span", { class: "by" }, el("i"), el("span", { class: "edge" }), el("span", { class: "sure" })),
      el("span", { class: "robot" })));
  return el("div", { role: "listitem" }, card);
}

export function showTrack(node, track, day) {
  const card = node.firstElementChild, [image, many, text] = card.children, [name, when, by, robot] = text.children;
  const state = JSON.stringify(track);
  if (node.dataset.state === state) return;
  node.dataset.state = state;
  card.setAttribute("href", hashOf(day, track.robot, track.track));
  showFace(image, track.best.key, `Face of track ${track.track}, seen by ${track.robot}`);
  say(many, grouped(track.faces));
  many.title = counted(track.faces, "crop");
  many.setAttribute("aria-label", counted(track.faces, "crop"));
  say(name, trackName(track.track));
  name.title = track.track;
  when.replaceChildren(...span(track.first, track.last, day));
  edgeOf(by, track.edges);
  say(by.children[2], percent(track.best.confidence));
  by.children[2].title = `Confidence of the best crop ${percent(track.best.confidence)}, quality ${percent(track.best.quality)}`;
  say(robot, track.robot);
  robot.title = `Robot ${track.robot}`;
}

export function edgeOf(by, edges) {
  by.children[0].style.setProperty("--hue", hue(edges[0] || ""));
  by.children[0].hidden = !edges.length;
  say(by.children[1], edges[0] || "");
  by.children[1].title = edges.length ? `Found by ${edges.join(", ")}` : "";
}

export function cropTile() {
  const tile = el("a", { class: "crop" }, face(), el("span", { class: "text" }, el("time"), el("span", { class: "sure" })));
  return el("div", { role: "listitem" }, tile);
}

export function showCrop(node, crop, day) {
  const tile = node.firstElementChild, [image, text] = tile.children;
  if (tile.hasAttribute("href")) return; // a crop never changes
  tile.setAttribute("href", hashOf(day, crop.robot, crop.track, fileOf(crop.key)));
  showFace(image, crop.key, `Face of track ${crop.track}, ${crop.time || crop.stored}`);
  moment(text.children[0], crop.time || crop.stored, day);
  say(text.children[1], percent(crop.confidence));
  text.children[1].title = `Confidence ${percent(crop.confidence)}, quality ${percent(crop.quality)}`;
}
