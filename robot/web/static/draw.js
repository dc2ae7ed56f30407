// Drawing on canvases: boxes in the picture, the robot's light, one server's round trips.

export function sharp(canvas) {
  // As many pixels as the screen has there; returns the context and the size in CSS pixels.
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

export function picture(canvas, image, tracks, colour) {
  // Picture and boxes in the picture's own pixels, so that both fit whatever the layout does.
  const scale = Math.max(1, Math.round((canvas.clientWidth * (window.devicePixelRatio || 1)) / image.width));
  const width = image.width * Math.min(scale, 2), height = image.height * Math.min(scale, 2);
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, width, height);
  for (const track of [...tracks].sort((a, b) => a.target - b.target)) box(context, track, colour, width, height);
}

function box(context, track, colour, width, height) {
  const [x, y, w, h] = track.box.map((value, index) => value * (index % 2 ? height : width));
  const unit = height / 480;
  context.strokeStyle = track.target ? colour : "#c5ced699";
  context.lineWidth = (track.target ? 3.5 : 1.5) * unit;
  context.lineJoin = "round";
  if (track.target) {
    const arm = Math.min(w, h) / 4;
    context.beginPath();
    for (const [cx, dx] of [[x, arm], [x + w, -arm]]) for (const [cy, dy] of [[y, arm], [y + h, -arm]]) {
      context.moveTo(cx + dx, cy); context.lineTo(cx, cy); context.lineTo(cx, cy + dy);
    }
    context.stroke();
  } else {
    context.strokeRect(x, y, w, h);
  }
  const text = `${track.label} ${track.id}`;
  context.font = `600 ${14 * unit}px system-ui, sans-serif`;
  const wide = context.measureText(text).width + 12 * unit, high = 20 * unit;
  const top = Math.max(0, y - high - 2 * unit);
  context.fillStyle = track.target ? colour : "#2b3640cc";
  context.beginPath();
  context.roundRect(x, top, wide, high, 4 * unit);
  context.fill();
  context.fillStyle = track.target && light(colour) ? "#0a0e12" : "#ffffff";
  context.textBaseline = "middle";
  context.fillText(text, x + 6 * unit, top + high / 2 + unit);
}

export function strip(canvas, lamp, seconds) {
  // Twelve lamps doing what the robot's light does; the same effects as robot/lights.py.
  const [context, width, height] = sharp(canvas);
  const count = 12;
  for (let index = 0; index < count; index++) {
    const level = brightness(lamp, seconds, index / count);
    context.globalAlpha = 0.1 + 0.9 * level;
    context.fillStyle = lamp.colour;
    context.beginPath();
    context.roundRect(index * width / count + 3, 2, width / count - 6, height - 4, 3);
    context.fill();
  }
  context.globalAlpha = 1;
}

function brightness(lamp, seconds, place) {
  const phase = (seconds * (lamp.hz || 0)) % 1;
  switch (lamp.effect) {
    case "steady": return 1;
    case "flash": return phase < 0.5 ? 1 : 0;
    case "breathe": return 0.5 - 0.5 * Math.cos(2 * Math.PI * phase);
    case "scroll": return Math.max(0, 1 - 3 * (((phase - place) % 1 + 1) % 1));
    default: return 0;
  }
}

export function sparkline(canvas, points, colour, span, top) {
  // points: [seconds, ms or null]; `span` seconds from left to right; `top` ms is common to all servers.
  const [context, width, height] = sharp(canvas);
  if (!points.length) return;
  const end = points[points.length - 1][0];
  const x = (seconds) => width - 2 - (end - seconds) / span * (width - 4);
  const y = (ms) => height - 3 - Math.min(ms / top, 1) * (height - 6);
  context.strokeStyle = "#232d37";
  context.beginPath(); context.moveTo(0, height - 2.5); context.lineTo(width, height - 2.5); context.stroke();
  context.lineWidth = 1.6;
  context.lineJoin = "round";
  context.strokeStyle = colour;
  context.beginPath();
  let drawing = false;
  for (const [seconds, ms] of points) {
    if (ms === null) { drawing = false; continue; }
    if (drawing) context.lineTo(x(seconds), y(ms)); else context.moveTo(x(seconds), y(ms));
    drawing = true;
  }
  context.stroke();
  const last = points[points.length - 1];
  if (last[1] !== null) {
    context.fillStyle = colour;
    context.beginPath(); context.arc(x(last[0]), y(last[1]), 2.6, 0, 7); context.fill();
  }
}

function light(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.3 * r + 0.59 * g + 0.11 * b > 140;
}
