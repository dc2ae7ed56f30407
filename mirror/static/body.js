// Key points as a figure of lines.
const LINES = [
  ["left_ear", "left_eye"], ["left_eye", "nose"], ["nose", "right_eye"], ["right_eye", "right_ear"],
  ["left_shoulder", "right_shoulder"], ["left_hip", "right_hip"],
  ...["left", "right"].flatMap((side) => [
    ["shoulder", "elbow"], ["elbow", "wrist"], ["wrist", "pinky"], ["wrist", "index"], ["wrist", "thumb"],
    ["shoulder", "hip"], ["hip", "knee"], ["knee", "ankle"], ["ankle", "heel"], ["ankle", "foot_index"],
  ].map((ends) => ends.map((end) => `${side}_${end}`))),
];
const SURE = 0.3;

export function drawPose(svg, points, width, height) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const seen = (name) => points[name] && points[name][2] >= SURE;
  for (const [from, to] of LINES) {
    if (!seen(from) || !seen(to)) continue;
    const side = from.startsWith("left") && to.startsWith("left") ? "l" : from.startsWith("right") && to.startsWith("right") ? "r" : "";
    add(svg, "line", { x1: points[from][0] * width, y1: points[from][1] * height, x2: points[to][0] * width, y2: points[to][1] * height, class: side });
  }
  for (const [name, [x, y]] of Object.entries(points)) {
    if (seen(name)) add(svg, "circle", { cx: x * width, cy: y * height, r: Math.max(width, height) / 170 });
  }
}

function add(svg, kind, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  svg.append(element);
}
