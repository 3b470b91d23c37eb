// What the browser adds to the editor: problems beside the boxes while one types, and a word before unsaved work is left.
let dirty = false;

function slotOf(box) {
  const name = box.id.replace(/^f-/, "e-");
  const known = document.getElementById(name);
  if (known) return known;
  const slot = document.createElement("p");
  slot.id = name;
  slot.className = "error";
  slot.dataset.live = "yes";
  (box.closest(".leaf, .box") ?? box).append(slot);
  return slot;
}

function clear() {
  for (const slot of document.querySelectorAll("#editor .error[data-live], #editor .error[id^='e-']")) slot.remove();
  for (const box of document.querySelectorAll("#editor [aria-invalid]")) {
    box.removeAttribute("aria-invalid");
    box.removeAttribute("aria-describedby");
  }
}

function mark() {
  clear();
  for (const item of document.querySelectorAll("#problems [data-for]")) {
    const box = document.getElementById(item.dataset.for);
    if (!box) continue;
    const slot = slotOf(box);
    slot.append(slot.hasChildNodes() ? "; " : "", item.querySelector("span")?.textContent ?? item.textContent);
    if (!box.matches("input, select, textarea")) continue;
    box.setAttribute("aria-invalid", "true");
    box.setAttribute("aria-describedby", slot.id);
  }
}

document.addEventListener("input", (event) => {
  if (event.target.closest("[data-editor]")) dirty = true;
});
document.addEventListener("submit", (event) => {
  if (!event.target.closest("[data-editor]")) dirty = false;
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-undo]")) dirty = false;
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "problems" || event.detail.elt?.id === "problems") return mark();
  dirty = Boolean(document.querySelector("#editor [data-unsaved]"));
});
addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});
