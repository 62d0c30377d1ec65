// The page's little script: drafts, printing, the network. Every page works without it; only what needs no network then needs one.
"use strict";

const user = document.body.dataset.user;
const KEEP = Number(document.body.dataset.hours || 24) * 3600 * 1000;

if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => {});

function drafts() {
  return Object.keys(localStorage).filter((name) => name.startsWith("draft:"));
}

function tell(id, text) {
  const place = document.getElementById(id);
  if (place) { place.textContent = text; place.hidden = !text; }
  return place;
}

// -- the network ---------------------------------------------------------------------------------------------------------------

const keptPage = document.querySelector("[data-kept]");
addEventListener("offline", () => { if (!keptPage) tell("network", "离线：网络已断开，现在不能提交"); });
addEventListener("online", () => tell("network", ""));
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// -- the draft: what was typed into an outcome form and has not been filed --------------------------------------------------------

for (const name of drafts()) {
  let at = 0;
  try { at = JSON.parse(localStorage.getItem(name)).at; } catch { /* not ours to read */ }
  if ((user && !name.startsWith(`draft:${user}:`)) || !(at > Date.now() - KEEP)) localStorage.removeItem(name);
}

const form = document.querySelector("form[data-draft]");
if (document.querySelector("[data-filed]")) localStorage.removeItem(`draft:${user}:${location.pathname.split("/").pop()}`);
if (form) {
  const name = "draft:" + form.dataset.draft;
  if (!("sent" in form.dataset) && !document.querySelector("[data-filed]")) restore(form, name);
  let waiting = 0;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => save(form, name), 200); });
  form.addEventListener("submit", (event) => {
    clearTimeout(waiting);
    save(form, name);
    if (!navigator.onLine) {
      event.preventDefault();
      tell("unsent", "离线，没有提交。填写的内容已保留在本机，网络恢复后请再点“提交”。").focus();
    } else if (form.dataset.going) {
      event.preventDefault();
    } else {
      form.dataset.going = "1";
      setTimeout(() => delete form.dataset.going, 10000);
    }
  });
}

function save(from, name) {
  const fields = {};
  for (const [key, value] of new FormData(from)) if (key !== "token") fields[key] = value;
  localStorage.setItem(name, JSON.stringify({ at: Date.now(), fields }));
}

function restore(into, name) {
  let found;
  try { found = JSON.parse(localStorage.getItem(name)); } catch { return; }
  if (!found) return;
  for (const field of into.elements) {
    const value = found.fields[field.name];
    if (field.name === "token" || (value === undefined && field.type !== "radio")) continue;
    if (field.type === "radio") field.checked = field.value === value;
    else field.value = value;
  }
  tell("draft", "已恢复本机保留的、还没有提交的内容，请核对后提交。");
}

// A page the browser kept in its memory is asked for anew: its session may be over.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// -- leaving: nothing stays on the phone ------------------------------------------------------------------------------------------

for (const leave of document.querySelectorAll("form[data-logout]")) {
  leave.addEventListener("submit", () => { for (const name of drafts()) localStorage.removeItem(name); });
}
