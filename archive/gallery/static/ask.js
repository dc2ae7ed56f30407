// Asks the gallery's server. What goes wrong becomes a Problem: a sentence and a status.
export class Problem extends Error {
  constructor(text, status = 0) {
    super(text);
    this.status = status;
  }
}

const KEPT = 40;
const known = new Map(); // path -> { etag, data }, the latest used last

// The answer's data; the same object as the last time where nothing changed.
export async function ask(path) {
  const before = known.get(path);
  const response = await reach(path, before ? { headers: { "If-None-Match": before.etag } } : {}, [304]);
  known.delete(path);
  if (response.status === 304) {
    known.set(path, before);
    return before.data;
  }
  const data = await response.json();
  known.set(path, { etag: response.headers.get("ETag"), data });
  if (known.size > KEPT) known.delete(known.keys().next().value);
  return data;
}

export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await reach(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

async function reach(path, options, fine = []) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Problem("The gallery does not answer. Is it still running?");
  }
  if (response.ok || fine.includes(response.status)) return response;
  let told = {};
  try { told = await response.json(); } catch { /* no sentence came with it */ }
  throw new Problem(told.error || `The gallery answered ${response.status}.`, response.status);
}

// ---- addresses ----

export const pictureOf = (key) => `api/picture/${key.split("/").map(encodeURIComponent).join("/")}`;
export const hashOf = (...parts) => `#${parts.map(encodeURIComponent).join("/")}`;
export const fileOf = (key) => key.slice(key.lastIndexOf("/") + 1);

// { day, robot, track, file }, as far as the address says.
export function route() {
  let parts = [];
  try { parts = location.hash.slice(1).split("/").map(decodeURIComponent); } catch { /* no address of ours */ }
  const [day = "", robot = "", track = "", file = ""] = parts;
  return { day, robot, track, file };
}
