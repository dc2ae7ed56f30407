// Elements and times from plain values. Text is set as text, never as HTML: names come from whoever publishes.
const LOCALE = "en-GB";
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const dayLong = new Intl.DateTimeFormat(LOCALE, { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const dayShort = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", timeZone: "UTC" });
const month = new Intl.DateTimeFormat(LOCALE, { month: "long", year: "numeric", timeZone: "UTC" });
const number = new Intl.NumberFormat(LOCALE);

export const UNDATED = "undated", NO_TRACK = "untracked";

export function el(tag, about = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const counted = (many, what) => `${number.format(many)} ${what}${many === 1 ? "" : "s"}`;
export const grouped = (many) => number.format(many);
export const percent = (share) => `${Math.round(100 * share)} %`;
export const bytes = (many) => many < 1000 ? `${many} bytes` : many < 1e6 ? `${Math.round(many / 1000)} kB` : `${(many / 1e6).toFixed(1)} MB`;

const noon = (day) => new Date(`${day}T12:00:00Z`);
export const dayName = (day) => day === UNDATED ? "Undated" : dayLong.format(noon(day));
export const dayRow = (day) => day === UNDATED ? "Undated" : dayShort.format(noon(day));
export const monthOf = (day) => day === UNDATED ? "" : month.format(noon(day));

export const utc = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 23)} UTC`;
const local = (at) => `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;

// A moment in the browser's own zone, with the date where it is not the one that is shown around it.
export function moment(node, iso, day = "") {
  const at = new Date(iso);
  say(node, local(at) === day ? clock.format(at) : `${date.format(at)} ${clock.format(at)}`);
  node.dateTime = iso;
  node.title = utc(iso);
  return node;
}

// From the first to the last.
export function span(first, last, day = "") {
  const from = moment(el("time"), first, day);
  return first.slice(0, 19) === last.slice(0, 19) ? [from] : [from, " – ", moment(el("time"), last, local(new Date(first)))];
}

// One colour a name, the same everywhere.
const HUES = [212, 282, 146, 28, 338, 186, 54, 250];
export function hue(name) {
  let sum = 7;
  for (const letter of name) sum = (31 * sum + letter.codePointAt(0)) % 9973;
  return HUES[sum % HUES.length];
}

// Makes `box` show `items`, with the nodes that are there. Nothing that stays is taken out, so nothing flickers.
// `still`: who reads further down is not disturbed; what would come in above is counted and left out.
export function reconcile(box, items, { key, make, update, still = false }) {
  const there = new Map([...box.children].map((node) => [node.dataset.key, node]));
  const wanted = new Map(items.map((item) => [key(item), item]));
  for (const [name, node] of there) {
    if (!wanted.has(name)) { node.remove(); there.delete(name); }
  }
  if (still && there.size) {
    let left = there.size, held = 0;
    for (const [name, item] of wanted) {
      const node = there.get(name);
      if (node) { update(node, item); left -= 1; } else if (left > 0) { held += 1; } else { box.append(made(name, item)); }
    }
    return held;
  }
  let next = box.firstElementChild;
  for (const [name, item] of wanted) {
    let node = there.get(name);
    if (node) update(node, item); else node = made(name, item);
    if (node === next) next = next.nextElementSibling; else box.insertBefore(node, next);
  }
  return 0;

  function made(name, item) {
    const node = make(item);
    node.dataset.key = name;
    update(node, item);
    return node;
  }
}
