// Asks the mirror's server. What goes wrong becomes a Problem: a sentence, a status, and when to ask again.
export class Problem extends Error {
  constructor(text, status = 0, retryAfter = 0) {
    super(text);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export async function ask(path, options = {}) {
  const response = await reach(path, options);
  return response.json();
}

export async function reach(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The mirror does not answer. Is it still running, and this device still in its network?", 0, 3);
  }
  if (response.ok) return response;
  let told = {};
  try { told = await response.json(); } catch { /* no sentence came with it */ }
  throw new Problem(told.error || `The mirror answered ${response.status}.`, response.status, told.retry_after_s || 0);
}

export function post(path, body, options = {}) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), ...options };
}

// One try-on: `onNews` hears of queue and progress; resolves with what is to be shown.
export async function tryOn(picture, garment, onNews, signal) {
  const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
  const response = await reach("api/try-on", { ...post("", { picture, garment }), headers, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    let part;
    try { part = await reader.read(); } catch (error) {
      if (error.name === "AbortError") throw error;
      part = { done: true };
    }
    if (part.done) throw new Problem("The mirror broke off in the middle. Try again.", 0, 1);
    waiting += part.value;
    const blocks = waiting.split("\n\n");
    waiting = blocks.pop();
    for (const block of blocks) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) || [];
      if (!name) continue;
      const told = JSON.parse(data);
      if (name === "news") onNews(told);
      if (name === "done") return told;
      if (name === "problem") throw new Problem(told.error, told.status, told.retry_after_s);
    }
  }
}

// A file of the user's as the server takes it: made smaller here, so that less is sent. What the browser cannot read
// goes as it is: the server says what is wrong with it.
export async function shrunk(file, about) {
  let bitmap;
  try { bitmap = await createImageBitmap(file); } catch { return file; }
  try {
    const longer = Math.max(bitmap.width, bitmap.height);
    const fits = longer <= 1.25 * about.picture_px && file.size <= about.max_upload_bytes;
    if (fits && /^image\/(jpeg|png)$/.test(file.type)) return file;
    const scale = Math.min(1, about.picture_px / longer);
    return await jpeg(bitmap, Math.round(bitmap.width * scale), Math.round(bitmap.height * scale), false, 0.93);
  } finally {
    bitmap.close();
  }
}

export function jpeg(source, width, height, mirrored, quality) {
  const canvas = document.createElement("canvas");
  canvas.width = width; canvas.height = height;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  if (mirrored) { context.translate(width, 0); context.scale(-1, 1); }
  context.drawImage(source, 0, 0, width, height);
  return new Promise((resolve, reject) => canvas.toBlob(
    (blob) => blob ? resolve(blob) : reject(new Problem("The picture cannot be made ready here.")), "image/jpeg", quality));
}
