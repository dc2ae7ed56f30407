// The newest published faces. Text is set as text, never as HTML: names come from settings.
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export function strip(list, crops) {
  const there = new Map([...list.children].map((node) => [node.dataset.number, node]));
  const wanted = crops.map((crop) => there.get(String(crop.number)) || made(crop));
  for (const node of there.values()) if (!wanted.includes(node)) node.remove();
  wanted.forEach((node, index) => { if (list.children[index] !== node) list.insertBefore(node, list.children[index] || null); });
}

function made(crop) {
  const node = document.createElement("li");
  node.dataset.number = crop.number;
  const image = el("img", "");
  image.alt = `Face of track ${crop.track}`;
  image.src = `crops/${crop.number}`;
  const time = el("time", crop.time ? clock.format(new Date(crop.time)) : "no time");
  time.dateTime = crop.time;
  const percent = `${Math.round(100 * crop.quality)} %`;
  const quality = el("span", percent, "quality");
  quality.title = `Quality ${percent}: how large, sharp and frontal the face is`;
  quality.setAttribute("aria-label", `Quality ${percent}`);
  quality.style.setProperty("--share", `${100 * crop.quality}%`);
  const track = el("b", crop.track);
  track.title = `Track ${crop.track}`;
  const text = el("div", "", "text");
  text.append(track, time, quality);
  node.append(image, text);
  return node;
}

function el(tag, text, name = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  if (name) node.className = name;
  return node;
}
