// What the browser adds to the editor: problems beside the boxes while one types, and a word before unsaved work is left.
let dirty = false;
let latest = null;
const typed = new Map();

// Of several presses in flight only the last one may redraw the form.
function isLate(event) {
  return event.detail.target?.id === "editor" && latest !== null && event.detail.xhr !== latest;
}

// What was typed while an answer was on its way is put back into the form that came with it.
function restore() {
  for (const [id, box] of typed) {
    const fresh = document.getElementById(id);
    if (!fresh || fresh.tagName !== box.tagName) continue;
    if (fresh.type === "checkbox") fresh.checked = box.checked;
    else fresh.value = box.value;
  }
  return typed.size > 0;
}

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

// On a narrow screen the sections stand in one line that scrolls: the one that is open is brought into view.
function showSection() {
  const nav = document.querySelector(".sections");
  const here = nav?.querySelector("[aria-current]");
  if (here) nav.scrollLeft = here.offsetLeft - nav.offsetLeft - 40;
}

document.addEventListener("input", (event) => {
  if (!event.target.closest("[data-editor]")) return;
  dirty = true;
  if (event.target.id) typed.set(event.target.id, event.target);
});
document.addEventListener("submit", (event) => {
  if (!event.target.closest("[data-editor]")) dirty = false;
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-undo]")) dirty = false;
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target?.id !== "editor") return;
  latest = event.detail.xhr;
  typed.clear();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (isLate(event)) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "problems" || event.detail.elt?.id === "problems") return mark();
  dirty = restore() || Boolean(document.querySelector("#editor [data-unsaved]"));
  showSection();
});
addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});
showSection();
