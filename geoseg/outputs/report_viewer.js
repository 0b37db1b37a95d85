"use strict";
for (const svg of document.querySelectorAll("svg.viewer")) {
  const full = svg.getAttribute("viewBox").split(" ").map(Number);
  const panel = svg.closest("figure").querySelector(".picked");
  let view = full.slice();
  const pointers = new Map();
  let moved = 0, spread = 0;
  const show = () => svg.setAttribute("viewBox", view.join(" "));
  const place = event => {
    const box = svg.getBoundingClientRect(), scale = Math.max(view[2] / box.width, view[3] / box.height);
    return [view[0] + view[2] / 2 + (event.clientX - box.left - box.width / 2) * scale,
            view[1] + view[3] / 2 + (event.clientY - box.top - box.height / 2) * scale, scale];
  };
  const zoom = (factor, x, y) => {
    const width = Math.min(full[2], Math.max(full[2] / 64, view[2] * factor)), used = width / view[2];
    view = [x - (x - view[0]) * used, y - (y - view[1]) * used, width, view[3] * used];
    if (width >= full[2]) view = full.slice();
    show();
  };
  svg.addEventListener("wheel", event => {
    event.preventDefault();
    const [x, y] = place(event);
    zoom(event.deltaY > 0 ? 1.25 : 0.8, x, y);
  }, {passive: false});
  svg.addEventListener("pointerdown", event => {
    pointers.set(event.pointerId, event); moved = 0; spread = 0;
  });
  svg.addEventListener("pointermove", event => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const [x, y, scale] = place(event);
    if (pointers.size === 1) {
      const right = event.clientX - last.clientX, down = event.clientY - last.clientY;
      moved += Math.abs(right) + Math.abs(down);
      if (moved > 4 && !svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
      view[0] -= right * scale; view[1] -= down * scale; show();
    } else {
      const [one, two] = [...pointers.values()];
      const now = Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
      if (spread && now) zoom(spread / now, x, y);
      spread = now;
    }
    pointers.set(event.pointerId, event);
  });
  for (const name of ["pointerup", "pointercancel"])
    svg.addEventListener(name, event => { pointers.delete(event.pointerId); spread = 0; });
  svg.addEventListener("click", event => {
    const shape = event.target.closest("path");
    if (shape && moved < 5) panel.textContent = shape.querySelector("title").textContent;
  });
  for (const button of svg.closest("figure").querySelectorAll("button"))
    button.addEventListener("click", () => {
      const x = view[0] + view[2] / 2, y = view[1] + view[3] / 2;
      if (button.value === "all") { view = full.slice(); show(); } else zoom(Number(button.value), x, y);
    });
}
document.documentElement.classList.add("interactive");
