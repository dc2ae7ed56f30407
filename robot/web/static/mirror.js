// The mirror: a garment is chosen, the robot stands for a picture, a server dresses the person in it.

const WORDS = { ready: "", looking: "Stand still", asking: "Dressing you", dressed: "Done", failed: "" };
const $ = (id) => document.getElementById(id);

let choice = null, phase = "", waiting = null; // waiting: a picture that came before the state that tells of it

export function setUp(press) {
  for (const [id, key] of [["try-on", "mirror"], ["forget", "forget"]]) {
    $(id).onclick = () => { press(key); $(id).blur(); };
  }
}

export function chosen() {
  return choice || "";
}

export function show(mirror, state) {
  $("mirror").hidden = !mirror;
  if (!mirror) return;
  garments(mirror);
  phase = mirror.phase;
  const busy = phase === "looking" || phase === "asking";
  const words = [WORDS[phase], mirror.text].filter(Boolean).join(": ");
  $("mirror-text").textContent = busy && mirror.node ? `${words} (${mirror.node})` : words;
  $("mirror-text").className = phase === "failed" ? "failed" : busy ? "busy" : "";
  $("mirror").classList.toggle("at-work", busy);
  $("mirror-bar").firstChild.style.width = `${phase === "asking" ? Math.max(4, 100 * mirror.share) : 0}%`;
  $("try-on").classList.toggle("on", state === "mirror");
  $("forget").hidden = !busy && phase !== "dressed";
  $("forget").lastChild.textContent = busy ? "Never mind" : "Forget it";
  if (phase === "dressed") {
    $("worn").textContent = `${mirror.worn} · ${mirror.took_s.toFixed(1)} s · ${mirror.node}`;
    if (waiting) draw(waiting);
    waiting = null;
  } else {
    clear();
  }
}

export function dressed(bitmap) {
  if (phase === "dressed") draw(bitmap);
  else waiting = bitmap;
}

function garments(mirror) {
  const box = $("garments"), ids = mirror.garments.map((garment) => garment.id).join(" ");
  if (box.dataset.ids !== ids) {
    box.dataset.ids = ids;
    choice = mirror.chosen;
    box.replaceChildren(...mirror.garments.map((garment) => {
      const label = document.createElement("label"), radio = document.createElement("input");
      radio.type = "radio"; radio.name = "garment"; radio.value = garment.id; radio.checked = garment.id === choice;
      radio.onchange = () => { choice = garment.id; };
      label.append(radio, garment.name);
      return label;
    }));
  }
}

function draw(bitmap) {
  const canvas = $("dressed-picture");
  canvas.width = bitmap.width; canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  $("dressed").hidden = false;
  document.body.classList.add("mirrored");
}

function clear() {
  // The robot keeps it no longer, and neither does the page.
  if (waiting && phase === "ready") { waiting.close(); waiting = null; }
  if ($("dressed").hidden) return;
  $("dressed").hidden = true;
  $("dressed-picture").width = $("dressed-picture").height = 1;
  document.body.classList.remove("mirrored");
}
