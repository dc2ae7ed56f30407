// Shows one camera. Pictures and what is known of them come over one websocket; one that is not watched asks for none.
import { boxes, covered, fresh, picture } from "./picture.js";
import { strip } from "./strip.js";

const BIG = [
  ["offered", "chosen", "Faces good enough to be published."],
  ["published", "published", "The local broker has them."],
  ["waiting", "waiting", "For the local broker."],
];
const SMALL = [
  ["dropped", "given up", "The broker was away for too long, and the queue is full."],
  ["refused", "refused", "The broker will never take these."],
  ["limited", "left out", "More faces a second than the settings allow."],
  ["skipped", "pictures skipped", "Faces came faster than they could be cut out."],
];
const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-GB");

let socket = null, wait = 500, timer = 0, state = null, paused = false;

function connect() {
  clearTimeout(timer);
  if (socket || paused || document.hidden) return;
  const mine = socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  mine.binaryType = "arraybuffer";
  mine.onopen = () => { wait = 500; };
  mine.onmessage = (message) => {
    if (mine !== socket) return;
    if (typeof message.data === "string") told(JSON.parse(message.data));
    else picture(message.data, state);
  };
  mine.onclose = (event) => {
    if (mine !== socket) return;
    socket = null;
    link("off", event.reason || "connection lost, trying again");
    timer = setTimeout(connect, wait);
    wait = Math.min(wait * 1.6, 5000);
  };
}

function disconnect() {
  const old = socket;
  socket = null;
  clearTimeout(timer);
  if (old) old.close();
}

function link(kind, text) {
  document.body.dataset.link = kind;
  say($("link").children[1], text);
}

function told(message) {
  state = message;
  link("on", "live");
  say($("robot"), state.robot);
  document.title = `${state.robot} · tagalong camera`;
  say($("problem"), state.problem);
  $("problem").hidden = !state.problem;
  const silent = state.cover === "blind";
  $("edge").classList.toggle("none", !state.edge || silent);
  say($("edge").children[1], !state.edge ? "No edge server finds faces now"
    : silent ? `${state.edge} does not answer` : `Faces are found by ${state.edge}`);
  figures();
  say($("private"), state.cover === "nothing"
    ? "Faces are shown as the camera sees them, here and in what is published."
    : "Faces are hidden before a picture leaves the camera's program; this page runs half a second behind. Published pictures are not blurred.");
  covered(state.cover);
  strip($("strip"), state.crops);
  $("none").hidden = state.crops.length > 0;
}

function figures() {
  fill($("figures"), BIG, () => true);
  fill($("others"), SMALL, (count) => count > 0);
  document.querySelector('[data-name="waiting"]').classList.toggle("warn", Boolean(state.problem) && state.counts.waiting > 0);
}

function fill(list, entries, shows) {
  for (const [name, words, why] of entries) {
    let entry = list.querySelector(`[data-name="${name}"]`);
    if (!entry) {
      entry = document.createElement("div");
      entry.dataset.name = name;
      entry.append(document.createElement("dt"), document.createElement("dd"), document.createElement("dd"));
      say(entry.children[0], words);
      say(entry.children[2], why);
      list.append(entry);
    }
    const count = state.counts[name] || 0;
    say(entry.children[1], number.format(count));
    entry.hidden = !shows(count);
  }
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function pause() {
  paused = !paused;
  $("pause").classList.toggle("on", paused);
  say($("pause").children[1], paused ? "Go on" : "Pause");
  if (paused) { disconnect(); link("off", "paused"); } else { link("wait", "connecting"); connect(); }
}

function frames() {
  const shown = $("frames").getAttribute("aria-pressed") !== "true";
  $("frames").setAttribute("aria-pressed", shown);
  boxes(shown);
}

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else $("stage").requestFullscreen().catch(() => {});
}

$("pause").onclick = pause;
$("frames").onclick = frames;
$("full").onclick = full;
$("full").hidden = !document.fullscreenEnabled;
document.onkeydown = (event) => {
  const act = { p: pause, b: frames, f: full }[event.key.toLowerCase()];
  if (!act || event.repeat || event.ctrlKey || event.metaKey || event.altKey || $("full").hidden && act === full) return;
  event.preventDefault();
  act();
};
document.onvisibilitychange = () => { if (document.hidden) disconnect(); else connect(); };
setInterval(() => { if (socket) fresh(); }, 500);
connect();
