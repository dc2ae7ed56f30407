// The live picture and the boxes around faces. One picture is unpacked at a time; what comes meanwhile replaces what waits.
const COVERS = {
  soon: "The whole picture is hidden until it is known where faces are.",
  blind: "No edge server says where faces are, so the whole picture is hidden.",
};
const OLD_MS = 4000;
const $ = (id) => document.getElementById(id);

let waiting = null, busy = false, came = 0, cover = "", shown = true;

export function picture(buffer, state) {
  waiting = [new Blob([buffer], { type: "image/jpeg" }), state ? state.faces : []];
  came = performance.now();
  if (!busy) unpack();
}

async function unpack() {
  busy = true;
  while (waiting) {
    const [blob, faces] = waiting;
    waiting = null;
    try {
      const image = await createImageBitmap(blob);
      const canvas = $("picture");
      if (canvas.width !== image.width || canvas.height !== image.height) {
        canvas.width = image.width;
        canvas.height = image.height;
        document.documentElement.style.setProperty("--ratio", image.width / image.height);
      }
      canvas.getContext("2d").drawImage(image, 0, 0);
      draw(faces, image.width, image.height);
      image.close();
    } catch { /* a broken picture: the next one may be fine */ }
  }
  busy = false;
}

function draw(faces, width, height) {
  const svg = $("boxes");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  while (svg.children.length > faces.length) svg.lastElementChild.remove();
  while (svg.children.length < faces.length) svg.append(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
  faces.forEach(([x, y, w, h], index) => {
    const values = { x: x * width, y: y * height, width: w * width, height: h * height, rx: 0.08 * w * width };
    for (const [name, value] of Object.entries(values)) svg.children[index].setAttribute(name, value.toFixed(1));
  });
  const words = faces.length === 1 ? "one face" : `${faces.length || "no"} faces`;
  const text = `Live picture, ${words}`;
  if ($("picture").getAttribute("aria-label") !== text) $("picture").setAttribute("aria-label", text);
}

export function boxes(visible) {
  shown = visible;
  $("boxes").style.setProperty("visibility", shown ? "visible" : "hidden");
}

export function covered(kind) {
  cover = kind;
  fresh();
}

export function fresh() {
  const age = performance.now() - came;
  const text = !came ? "Waiting for the first picture."
    : age > OLD_MS ? `The picture stands still: none came for ${Math.round(age / 1000)} seconds.`
    : COVERS[cover] || "";
  if ($("cover").textContent !== text) $("cover").textContent = text;
  $("cover").hidden = !text;
}
