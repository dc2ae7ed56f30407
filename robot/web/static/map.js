// The world from above: walls, furniture, access points, people and the robot with its way.
import { sharp } from "./draw.js";

const MARGIN = 14;
const trail = [];

export function forget() { trail.length = 0; }

export function remember(world, colour) {
  const [x, y] = world.rover;
  const last = trail[trail.length - 1];
  if (!last || Math.hypot(x - last[0], y - last[1]) > 0.05 || last[2] !== colour) trail.push([x, y, colour]);
  if (trail.length > 4000) trail.splice(0, 1000);
}

export function map(canvas, plan, world, colour) {
  const [context, width, height] = sharp(canvas);
  const [x0, y0, x1, y1] = plan.bounds;
  const scale = Math.min((width - 2 * MARGIN) / Math.max(x1 - x0, 0.1), (height - 2 * MARGIN) / Math.max(y1 - y0, 0.1));
  const left = (width - (x1 - x0) * scale) / 2, top = (height - (y1 - y0) * scale) / 2;
  const at = ([x, y]) => [left + (x - x0) * scale, top + (y1 - y) * scale];
  const path = (points, closed) => {
    context.beginPath();
    points.forEach((point, index) => index ? context.lineTo(...at(point)) : context.moveTo(...at(point)));
    if (closed) context.closePath();
  };
  context.lineJoin = context.lineCap = "round";
  for (const outline of plan.furniture) { path(outline, true); context.fillStyle = "#33291f"; context.fill(); }
  context.strokeStyle = "#5b6b7a"; context.lineWidth = 3;
  for (const wall of plan.walls) { path(wall, false); context.stroke(); }

  context.lineWidth = 3;
  for (let index = 1; index < trail.length; index++) {
    context.strokeStyle = trail[index][2]; context.globalAlpha = 0.75;
    path([trail[index - 1], trail[index]], false); context.stroke();
  }
  context.globalAlpha = 1;

  context.font = "600 11px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const site of plan.sites) {
    const [x, y] = at(site.at);
    context.fillStyle = site.colour; context.globalAlpha = 0.18;
    context.beginPath(); context.arc(x, y, 13, 0, 7); context.fill();
    context.globalAlpha = 1;
    context.beginPath(); context.moveTo(x, y - 6); context.lineTo(x + 5.5, y + 4); context.lineTo(x - 5.5, y + 4); context.fill();
    const wide = context.measureText(site.id).width;
    const right = x + 12 + wide < width;
    context.fillText(site.id, right ? x + 12 : x - 12 - wide, y < 14 ? y + 12 : y - 9);
  }
  for (const [x, y, target] of world.people) {
    context.fillStyle = target ? "#ff8a4c" : "#8795a3";
    context.beginPath(); context.arc(...at([x, y]), target ? 5.5 : 4, 0, 7); context.fill();
  }
  const [x, y, heading] = world.rover;
  context.save();
  context.translate(...at([x, y]));
  context.rotate(-heading);
  context.fillStyle = colour; context.globalAlpha = 0.14;
  context.beginPath(); context.moveTo(0, 0); context.arc(0, 0, 2.2 * scale, -0.654, 0.654); context.fill(); // 75° of view
  context.globalAlpha = 1;
  context.beginPath(); context.moveTo(9, 0); context.lineTo(-6, 6); context.lineTo(-3, 0); context.lineTo(-6, -6); context.closePath();
  context.fillStyle = "#ffffff"; context.strokeStyle = colour; context.lineWidth = 2;
  context.fill(); context.stroke();
  context.restore();
}
