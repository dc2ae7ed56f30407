// Before and after, by finger, mouse or keys. The range input has the keys and speaks to screen readers.
export class Slider {
  constructor(box, input, frame) {
    this.box = box; this.input = input; this.frame = frame;
    input.addEventListener("input", () => { cancelAnimationFrame(this.moving); this.set(input.valueAsNumber); });
    box.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      box.setPointerCapture(event.pointerId);
      this.drag(event);
      input.focus({ preventScroll: true });
    });
    box.addEventListener("mousedown", (event) => event.preventDefault()); // which would take the focus away again
    box.addEventListener("pointermove", (event) => { if (box.hasPointerCapture(event.pointerId)) this.drag(event); });
    this.set(50);
  }

  drag(event) {
    cancelAnimationFrame(this.moving);
    const { left, width } = this.frame.getBoundingClientRect();
    this.set(100 * (event.clientX - left) / width);
  }

  set(percent) { // how much of the picture, from the left, shows the photo as it was
    const at = Math.min(100, Math.max(0, percent));
    this.input.value = Math.round(at);
    this.input.setAttribute("aria-valuetext", `${Math.round(100 - at)} % dressed`);
    this.frame.style.setProperty("--at", `${at}%`);
    this.box.classList.toggle("low", at < 14);
    this.box.classList.toggle("high", at > 86);
  }

  reveal(still) { // from the photo to the result, so that what changed is seen
    cancelAnimationFrame(this.moving);
    if (still) { this.set(0); return; }
    const began = performance.now();
    const step = (now) => {
      const share = Math.min(1, (now - began) / 700);
      this.set(100 * (1 - share) ** 3);
      if (share < 1) this.moving = requestAnimationFrame(step);
    };
    this.set(100);
    this.moving = requestAnimationFrame(step);
  }
}
