// Keeps the page current: fetches it again and changes only what differs, so that an open fold,
// a selection and the focus stay, and a bar moves instead of jumping.
"use strict";

const PATIENCE = 10000;
const RETRY = 2000;
const TYPING = 250;
let timer = 0;
let asking = null;

function keyed(nodes) {
  const found = new Map();
  for (const node of nodes) if (node.dataset?.key) found.set(node.dataset.key, node);
  return found;
}

function mend(old, fresh) {
  if (old.classList.contains("new")) fresh.classList.add("new");
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const known = keyed(old.childNodes);
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = child.dataset?.key;
    const match = key ? known.get(key) : place;
    if (match && match.nodeName === child.nodeName && (key || !match.dataset?.key)) {
      if (match === place) place = place.nextSibling;
      else old.insertBefore(match, place);
      if (match.isEqualNode(child)) continue;
      if (match.nodeType === Node.ELEMENT_NODE) mend(match, child);
      else match.data = child.data;
    } else {
      if (key) child.classList.add("new");
      old.insertBefore(child, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function plan(wait) {
  clearTimeout(timer);
  timer = document.hidden ? 0 : setTimeout(look, wait);
}

async function look() {
  asking?.abort();
  const mine = (asking = new AbortController());
  const impatient = setTimeout(() => mine.abort(), PATIENCE);
  try {
    const response = await fetch(location.href, { signal: mine.signal, cache: "no-store" });
    if (!response.ok) throw new Error(`the emulator answered ${response.status}`);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (mine !== asking) return;
    document.title = fresh.title;
    mend(document.body, fresh.body);
    plan(Number(document.body.dataset.pace));
  } catch {
    if (mine !== asking) return;
    document.body.classList.add("lost");
    document.getElementById("link").textContent = "Not answering since";
    plan(RETRY);
  } finally {
    clearTimeout(impatient);
  }
}

function address(form) {
  const asked = new URLSearchParams(new FormData(form));
  if (!asked.get("q")) asked.delete("q");
  if (asked.get("show") === "all") asked.delete("show");
  return asked.size ? `/?${asked}` : "/";
}

function listen() {
  const filter = () => document.getElementById("filter");
  const ask = (event) => {
    if (event.target.form !== filter()) return;
    history.replaceState(null, "", address(filter()));
    plan(TYPING);
  };
  document.addEventListener("input", ask);
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    history.replaceState(null, "", address(event.target));
    look();
  });
  document.addEventListener("visibilitychange", () => plan(0));
  document.documentElement.classList.add("live");
  plan(Number(document.body.dataset.pace));
}

listen();
