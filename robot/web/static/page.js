// Shows the robot and passes keys on. Pictures and state come over one websocket, newest first, never queued.
import { picture, sparkline, strip } from "./draw.js";
import { forget, map, remember } from "./map.js";
import * as mirror from "./mirror.js";

const SPAN = 60; // seconds of round trips
const GREY = "#9aa5b1";
const OUTCOMES = { result: "#7fd6a0", superseded: "#5b7fb8", rejected: "#f7d070", expired: "#f0a35e", lost: "#e5484d" };
const $ = (id) => document.getElementById(id);

let socket = null, wait = 500, state = null, plan = null, image = null, decoding = null, fresh = 0;
const histories = new Map(); // server id -> [[seconds, ms]]

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { wait = 500; link("connected", "on"); forget(); };
  socket.onmessage = (message) => typeof message.data === "string" ? told(JSON.parse(message.data)) : seen(message.data);
  socket.onclose = (event) => {
    link(event.reason || "connection lost, trying again", "off");
    setTimeout(connect, wait);
    wait = Math.min(wait * 1.6, 5000);
  };
}

function link(text, kind) {
  $("link").textContent = text;
  $("link").className = `link ${kind}`;
  document.body.classList.toggle("gone", kind !== "on");
  for (const button of document.querySelectorAll("nav button, .mirror button")) button.disabled = kind !== "on";
}

function told(message) {
  if (message.type === "plan") {
    plan = message.plan.walls.length ? message.plan : null; // without walls there is no world to see
    $("world").hidden = !plan;
    return;
  }
  state = message;
  fresh = performance.now();
  for (const server of state.servers) {
    const points = histories.get(server.id) || [];
    points.push([state.t, server.role === "away" ? null : server.rtt_ms]);
    while (points.length && state.t - points[0][0] > SPAN) points.shift();
    histories.set(server.id, points);
  }
  if (plan && state.world && state.world.rover) remember(state.world, state.colour || GREY);
  show();
}

function seen(buffer) {
  // Decode one at a time; what comes meanwhile replaces what waits.
  const kind = new Uint8Array(buffer, 0, 1)[0];
  const blob = new Blob([new Uint8Array(buffer, 1)], { type: "image/jpeg" });
  if (kind === 1) { createImageBitmap(blob).then(above, () => {}); return; }
  if (kind === 2) { createImageBitmap(blob).then(mirror.dressed, () => {}); return; }
  const busy = decoding !== null;
  decoding = blob;
  if (!busy) decode();
}

async function decode() {
  while (decoding) {
    const blob = decoding;
    try {
      const next = await createImageBitmap(blob);
      if (image) image.close();
      image = next;
      $("waiting").hidden = true;
      picture($("video"), image, state ? state.tracks : [], (state && state.colour) || GREY);
    } catch { /* a broken picture: the next one may be fine */ }
    if (decoding === blob) decoding = null;
  }
}

function above(bitmap) {
  const canvas = $("top");
  canvas.width = bitmap.width; canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}

function show() {
  const decision = state.decision || {};
  document.title = `${state.state} · ${state.robot}`;
  $("robot").textContent = `${state.robot}, follows ${state.label}`;
  $("state").textContent = state.state;
  $("state").dataset.state = state.state;
  document.documentElement.style.setProperty("--serving", state.colour || GREY);
  $("serving").querySelector("b").textContent = state.server || "no server";
  figure("distance", decision.distance_m, 2);
  figure("bearing", decision.bearing_deg, 1);
  figure("forward", decision.forward_mps, 2);
  figure("turn", decision.turn_degps, 0);
  figure("rtt", state.rtt_ms, 0);
  figure("age", decision.age_ms, 0);
  $("age").parentElement.classList.toggle("old", decision.age_ms === null || decision.age_ms > 300);
  figure("camera-fps", state.fps.camera, 1);
  figure("result-fps", state.fps.results, 1);
  const stopped = state.state === "estop";
  $("estop").classList.toggle("latched", stopped);
  $("estop").querySelector("span").textContent = stopped ? "Release" : "Emergency stop";
  servers();
  frames();
  mirror.show(state.mirror, state.state);
  if (state.world && state.world.length_s) {
    $("progress").hidden = false;
    $("progress").textContent = `${state.world.now_s.toFixed(1)} / ${state.world.length_s} s`;
  }
}

function figure(id, value, digits) {
  $(id).textContent = value === null || value === undefined ? "–" : (Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value).toFixed(digits);
}

function servers() {
  const box = $("servers");
  if (box.dataset.ids !== state.servers.map((server) => server.id).join("\n")) {
    box.dataset.ids = state.servers.map((server) => server.id).join("\n");
    box.replaceChildren(...state.servers.map(() => {
      const row = document.createElement("div");
      row.innerHTML = '<b></b><span class="ms"></span><canvas></canvas><span class="what"></span>';
      return row;
    }));
    if (!state.servers.length) box.innerHTML = '<p class="faint">none seen yet</p>';
  }
  const all = state.servers.flatMap((server) => (histories.get(server.id) || []).map(([, ms]) => ms || 0)).sort((a, b) => a - b);
  const top = Math.max(40, 1.15 * (all[Math.floor(all.length * 0.99)] || 0));
  const span = Math.min(SPAN, Math.max(10, ...[...histories.values()].map((points) => state.t - (points[0] || [state.t])[0])));
  state.servers.forEach((server, index) => {
    const row = box.children[index];
    row.className = `server ${server.role}`;
    row.style.setProperty("--own", server.colour);
    row.children[0].textContent = server.id;
    row.children[1].innerHTML = `${server.rtt_ms === null ? "–" : server.rtt_ms.toFixed(0)} <small>ms</small>`;
    row.title = [server.address, server.zone].filter(Boolean).join(", ");
    const what = [server.role];
    if (server.level_dbm !== null) what.push(`${server.level_dbm.toFixed(0)} dBm`);
    if (server.cost_ms !== null) what.push(`cost ${server.cost_ms.toFixed(0)} ms`);
    if (server.capacity) what.push(`${server.streams}/${server.capacity} robots`);
    row.children[3].textContent = what.filter(Boolean).join(" · ");
    sparkline(row.children[2], histories.get(server.id) || [], server.colour, span, top);
  });
}

function frames() {
  const counts = state.frames;
  if (!counts) return;
  $("sent").textContent = `${counts.sent} sent, ${counts.pending} under way`;
  const bar = $("bar"), list = $("outcomes");
  if (!bar.children.length) {
    for (const [name, colour] of Object.entries(OUTCOMES)) {
      const part = bar.appendChild(document.createElement("i"));
      part.style.background = colour;
      const line = list.appendChild(document.createElement("li"));
      line.innerHTML = `<i></i><b></b> ${name}`;
      line.firstChild.style.background = colour;
    }
  }
  Object.keys(OUTCOMES).forEach((name, index) => {
    bar.children[index].style.flexGrow = counts[name];
    list.children[index].children[1].textContent = counts[name];
  });
}

function tick() {
  if (state) {
    const ahead = Math.min((performance.now() - fresh) / 1000, 1); // the light goes on between two states
    strip($("light"), state.light, state.t + ahead);
    if (plan && state.world && state.world.rover && !$("map").hidden) map($("map"), plan, state.world, state.colour || GREY);
  }
  requestAnimationFrame(tick);
}

function press(key) {
  const message = key === "mirror" ? { key, garment: mirror.chosen() } : { key };
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

for (const button of document.querySelectorAll("nav button")) {
  button.onclick = () => { press(button.dataset.key); button.blur(); };
}
document.onkeydown = (event) => {
  const key = { s: "search", i: "idle", x: "explore", m: "mirror", f: "forget", " ": "estop" }[event.key];
  const onRadio = event.target instanceof HTMLInputElement && event.key === " "; // space chooses there
  if (!key || onRadio || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  press(key);
};
mirror.setUp(press);
for (const [tab, shown, hidden] of [["map", "map", "top"], ["top", "top", "map"]]) {
  $(`tab-${tab}`).onclick = () => {
    $(shown).hidden = false; $(hidden).hidden = true;
    $("tab-map").classList.toggle("on", tab === "map");
    $("tab-top").classList.toggle("on", tab === "top");
  };
}
link("connecting", "");
connect();
tick();
