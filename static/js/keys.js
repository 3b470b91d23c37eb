// The whole desk by keyboard: j k move, a x act on the row, t takes the next, digits choose, Ctrl or ⌘ + Enter decides.
const GO = { q: "queue", m: "mine", c: "cases" };
let going = 0;

function typing(target) {
  return target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio])");
}

function rowNow() {
  return document.activeElement?.closest("[data-row]");
}

function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const index = rows.indexOf(rowNow());
  const next = rows[index < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(index + step, 0), rows.length - 1)];
  next?.querySelector("a")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function press(selector, root = document) {
  const button = root?.querySelector(selector);
  button?.click();
  return Boolean(button);
}

function choose(digit) {
  const choice = document.querySelector(`.choice [data-digit="${digit}"], .btn-answer[data-digit="${digit}"]`);
  if (!choice) return;
  choice.focus();
  choice.click();
}

function open(selector) {
  const details = document.querySelector(selector);
  if (!details) return;
  details.open = true;
  details.scrollIntoView({ block: "nearest" });
  details.querySelector("textarea")?.focus(); // at once, or what is typed next would be taken for commands
}

function go(key) {
  going = 0;
  const link = document.querySelector(`.rail a[data-go="${GO[key]}"]`);
  link?.click();
}

const ACTIONS = {
  j: () => move(1),
  k: () => move(-1),
  a: () => press("[data-key=a]", rowNow() ?? document.querySelector("#main")),
  t: () => press("[data-key=t]"),
  x: () => press(".row-pick input", rowNow()),
  r: () => open("[data-details=return]"),
  e: () => open("[data-details=escalate]"),
  n: () => document.querySelector("[name=text]")?.focus(),
  g: () => { going = Date.now(); },
  "/": () => document.querySelector("#search")?.focus(),
  "?": () => document.querySelector("#keys")?.showModal(),
};

function decide(event) {
  const form = event.target.closest?.("form[data-decide], .more form") ?? document.querySelector("form[data-decide]");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit();
}

function single(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (document.documentElement.dataset.shortcuts === "off" || document.querySelector("dialog[open]")) return;
  if (Date.now() - going < 1500 && GO[event.key]) return go(event.key);
  const action = /^[1-9]$/.test(event.key) ? () => choose(event.key) : ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function leaveField(event) {
  if (event.key !== "Escape") return;
  const menu = event.target.closest?.("details.menu[open], .more details[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (typing(event.target)) event.target.blur();
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return decide(event);
    leaveField(event);
    single(event);
  });
}
