// The webcam: on, off, the other one, and why not.
import { Problem } from "./ask.js";

const REASONS = {
  NotAllowedError: "The browser may not use the camera. Allow it beside the address, or choose a photo.",
  NotFoundError: "No camera was found. Connect one, or choose a photo.",
  NotReadableError: "The camera is in use by another program. Close that one, or choose a photo.",
  OverconstrainedError: "The camera cannot do what is needed. Try another one, or choose a photo.",
};

export class Camera {
  constructor(video) {
    this.video = video;
    this.stream = null;
    this.facing = "user";
  }

  get on() { return this.stream !== null; }
  get mirrored() { return this.facing === "user"; } // as one knows oneself from a mirror
  get width() { return this.video.videoWidth; }
  get height() { return this.video.videoHeight; }

  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Problem("Browsers give the camera to https:// pages only. Open the mirror's https:// address, or choose a photo.");
    }
    this.stop();
    try {
      const wish = { facingMode: this.facing, width: { ideal: 1280 }, height: { ideal: 960 } };
      this.stream = await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
    } catch (error) {
      throw new Problem(REASONS[error.name] || `The camera cannot be used (${error.name}). Choose a photo.`);
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    if (!this.width) await new Promise((done) => this.video.addEventListener("resize", done, { once: true }));
  }

  stop() { // also puts its lamp out
    for (const track of this.stream?.getTracks() || []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }

  async turn() {
    this.facing = this.facing === "user" ? "environment" : "user";
    await this.start();
  }

  static async several() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "videoinput").length > 1;
  }
}
