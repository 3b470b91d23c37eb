// Lists: the accept button follows the pointer and the keys, and a pill says what is new without moving a row.
const NEWS_EVERY = 10_000;

function follow(event) {
  const button = document.querySelector("[data-follow]");
  const row = event.target.closest?.("[data-row]");
  if (!button || !row || row === button.closest("[data-row]")) return;
  button.hidden = !("accept" in row.dataset);
  button.formAction = `${row.querySelector("a").pathname}accept/`;
  row.querySelector(".row-who").append(button);
}

async function refreshNews() {
  const pill = document.querySelector("[data-poll]");
  if (!pill || document.hidden) return;
  const answer = await fetch(pill.dataset.poll, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#news");
  if (fresh) pill.replaceChildren(...fresh.children);
}

export function startLists() {
  document.addEventListener("pointerover", follow);
  document.addEventListener("focusin", follow);
  setInterval(refreshNews, NEWS_EVERY);
}
