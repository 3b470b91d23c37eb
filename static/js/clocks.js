// Keeps relative times true while a page stays open; the words are the server's (handoffs/portal/wording.py).
const MINUTE = 60_000;
const ICONS = { calm: "#i-clock", risk: "#i-hourglass", late: "#i-triangle-alert" };

export function duration(milliseconds) {
  const minutes = Math.floor(Math.abs(milliseconds) / MINUTE);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (minutes < 1) return "< 1 m";
  if (hours < 1) return `${minutes} m`;
  if (days < 1) return minutes % 60 ? `${hours} h ${minutes % 60} m` : `${hours} h`;
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

function agoWords(at, now) {
  return now - at < MINUTE ? "just now" : `${duration(now - at)} ago`;
}

function dueWords(at, riskAt, now) {
  if (now >= at) return ["late", `overdue ${duration(now - at)}`];
  if (now >= riskAt) return ["risk", `at risk · ${duration(at - now)}`];
  return ["calm", `due in ${duration(at - now)}`];
}

function tick(root = document) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-ago]")) setText(time, agoWords(Date.parse(time.dateTime), now));
  for (const due of root.querySelectorAll(".due[data-risk]")) showDue(due, now);
}

function showDue(due, now) {
  const time = due.querySelector("time");
  const [tone, words] = dueWords(Date.parse(time.dateTime), Date.parse(due.dataset.risk), now);
  setText(time, words);
  if (due.dataset.tone === tone) return;
  due.dataset.tone = tone;
  due.querySelector("use").setAttribute("href", ICONS[tone]);
}

function setText(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

function showExact(event) {
  const time = event.target.closest?.("time[datetime]");
  if (!time || time.dataset.exact) return;
  time.dataset.exact = "yes";
  time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
}

export function startClocks() {
  tick();
  setInterval(tick, 15_000);
  document.addEventListener("pointerover", showExact);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
}
