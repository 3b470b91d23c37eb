// One press per form, filters that apply at once, menus and dialogs that close, drafts of reasons that are not lost.
function busy(event) {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  (event.submitter ?? form.querySelector("button:not([type=button])"))?.setAttribute("aria-busy", "true");
}

function ready() {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  for (const form of document.querySelectorAll("[data-filters]")) form.reset(); // going back, the address decides
}

function applyFilters(event) {
  const form = event.target.closest("[data-filters]");
  if (!form) return;
  const chosen = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) chosen.append(name, value);
  location.assign(`${location.pathname}?${chosen}`);
}

function countPicked(event) {
  const form = event.target.closest(".list-form");
  const label = form?.querySelector("[data-picked]");
  if (label) label.textContent = `${form.querySelectorAll(".row-pick :checked").length} selected`;
}

function pickAll(event) {
  if (!event.target.matches?.("[data-pick-all]")) return;
  const boxes = [...event.target.form.querySelectorAll(".row-pick input")];
  const picked = !boxes.every((box) => box.checked);
  for (const box of boxes) box.checked = picked;
  countPicked(event);
}

function reasonRule(event) {
  if (event.target.name !== "outcome") return;
  const form = event.target.form;
  const reason = form.querySelector("[name=reason]");
  const required = event.target.dataset.reason === "required";
  reason.required = required;
  form.querySelector("[data-reason-rule]").textContent = required ? "required" : "optional";
}

function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
}

function openDialog(event) {
  const opener = event.target.closest?.("[data-open]");
  if (!opener) return;
  opener.closest("details.menu")?.removeAttribute("open");
  document.getElementById(opener.dataset.open)?.showModal();
}

// Opened here and not by the browser, whose toggle event comes later: what is typed next belongs in the field at once.
function openAndFocus(event) {
  const details = event.target.closest?.("summary")?.parentElement;
  if (event.defaultPrevented || !details || details.open || !details.closest(".more, .filter-row")) return;
  event.preventDefault();
  details.open = true;
  details.querySelector("textarea, input:not([type=hidden])")?.focus();
}

export function startForms() {
  document.addEventListener("submit", busy);
  addEventListener("pageshow", ready);
  document.addEventListener("change", applyFilters);
  document.addEventListener("change", countPicked);
  document.addEventListener("change", reasonRule);
  document.addEventListener("click", closeMenus);
  document.addEventListener("click", openDialog);
  document.addEventListener("click", pickAll);
  document.addEventListener("click", openAndFocus);
}
