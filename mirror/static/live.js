// Live mode: one picture of the webcam is under way at a time; the next is the newest there is when the answer comes.
import { jpeg } from "./ask.js";

const LONGER_PX = 512;
const SPAN_MS = 3000; // over which the rate is counted

export class Live {
  constructor(camera, canvas, told) {
    this.camera = camera; this.canvas = canvas; this.told = told; // told({rate, ms, node}), told({error})
    this.socket = null; this.garment = ""; this.times = []; this.about = null; this.wait = 500;
  }

  get on() { return this.running === true; }

  start(garment) {
    this.running = true;
    this.garment = garment;
    this.times = [];
    this.connect();
  }

  stop() {
    this.running = false;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }

  choose(garment) {
    this.garment = garment;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ garment }));
  }

  connect() {
    const address = new URL("api/live", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = this.socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { this.wait = 500; this.choose(this.garment); this.send(); };
    socket.onmessage = (message) => { if (socket === this.socket) this.heard(message.data); };
    socket.onclose = (event) => {
      if (!this.running || socket !== this.socket) return;
      this.told({ error: event.reason || "The connection broke; trying again." });
      this.timer = setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(this.wait * 1.6, 5000);
    };
  }

  async send() {
    const { video, width, height } = this.camera;
    const socket = this.socket;
    if (!this.running || !width || socket?.readyState !== WebSocket.OPEN) return;
    const scale = Math.min(1, LONGER_PX / Math.max(width, height));
    const blob = await jpeg(video, Math.round(width * scale), Math.round(height * scale), this.camera.mirrored, 0.85);
    if (socket.readyState === WebSocket.OPEN) socket.send(await blob.arrayBuffer());
  }

  async heard(data) {
    if (typeof data !== "string") { await this.show(data); this.send(); return; }
    const told = JSON.parse(data);
    if (told.error === undefined) { this.about = told; return; }
    if (told.status === 0) return; // a newer one took its place
    this.canvas.hidden = true; // the webcam's own picture is below
    this.told(told);
    this.timer = setTimeout(() => this.send(), Math.max(250, 1000 * (told.retry_after_s || 0)));
  }

  async show(data) {
    let bitmap;
    try { bitmap = await createImageBitmap(new Blob([data], { type: "image/jpeg" })); } catch { return; }
    if (!this.running) { bitmap.close(); return; }
    this.canvas.width = bitmap.width; this.canvas.height = bitmap.height;
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    this.canvas.hidden = false;
    const now = performance.now();
    this.times.push(now);
    while (this.times.length > 2 && now - this.times[0] > SPAN_MS) this.times.shift();
    const span = now - this.times[0];
    this.told({ rate: span > 0 ? 1000 * (this.times.length - 1) / span : 0, ms: this.about?.took_ms, node: this.about?.node });
  }
}
