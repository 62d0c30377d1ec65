// The service worker: keeps the shell, and the pages one person opened, for a day's work without network. It files nothing by itself.
"use strict";

const SHELL = "shell-" + "__VERSION__";
const FILES = "__FILES__";
const SEEN = "seen-";
const SLOW = 10000;

addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil(tidy().then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (FILES.includes(url.pathname)) event.respondWith(caches.match(url.pathname).then((found) => found || fetch(event.request)));
  else if (event.request.mode === "navigate") event.respondWith(navigate(event.request, url));
});

async function navigate(request, url) {
  await sweep();
  const leaving = url.pathname === "/logout" && request.method === "POST";
  if (leaving) await forget("");
  try {
    const answer = await (request.method === "GET" ? inTime(request, url) : fetch(request));
    if (answer.headers.has("x-fraudrisk-forget")) await forget("");
    if (request.method === "GET" && answer.ok) await keep(url, answer.clone());
    return answer;
  } catch {
    if (leaving) return without(url, "离线：本机保留的页面已清除；服务器没有收到退出请求，网络恢复后请再退出一次");
    return kept(url, request.method === "GET" ? "" : "没有提交。填写的内容已保留在本机，网络恢复后请再提交");
  }
}

// Where the page is kept, a network that does not answer counts as none.
async function inTime(request, url) {
  if (!(await find(url))) return fetch(request);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), SLOW);
  try { return await fetch(request, { signal: stop.signal }); } finally { clearTimeout(timer); }
}

// -- what is kept -----------------------------------------------------------------------------------------------------------------

function address(url) {
  const plain = new URL(url);
  plain.hash = "";
  plain.searchParams.delete("filed");
  return plain.href;
}

async function keep(url, answer) {
  const said = answer.headers.get("x-fraudrisk-keep");
  if (!said) return;
  const [user, hours, most, asOf] = said.split(" ");
  await forget(SEEN + user);
  const cache = await caches.open(SEEN + user);
  const headers = new Headers(answer.headers);
  headers.set("x-kept-at", String(Date.now()));
  headers.set("x-kept-until", String(Date.now() + hours * 3600000));
  headers.set("x-kept-as-of", asOf);
  await cache.delete(address(url));
  await cache.put(address(url), new Response(await answer.text(), { headers }));
  const pages = await cache.keys();
  for (const old of pages.slice(0, Math.max(0, pages.length - most))) await cache.delete(old);
}

async function seen() {
  return (await caches.keys()).filter((name) => name.startsWith(SEEN));
}

async function forget(but) {
  for (const name of await seen()) if (name !== but) await caches.delete(name);
}

async function sweep() {
  for (const name of await seen()) {
    const cache = await caches.open(name);
    for (const page of await cache.keys()) {
      const found = await cache.match(page);
      if (found && !(Number(found.headers.get("x-kept-until")) > Date.now())) await cache.delete(page);
    }
  }
}

async function tidy() {
  for (const name of await caches.keys()) if (name.startsWith("shell-") && name !== SHELL) await caches.delete(name);
}

async function find(url) {
  for (const name of await seen()) {
    const found = await (await caches.open(name)).match(address(url));
    if (found) return found;
  }
  return undefined;
}

// -- what is shown without network --------------------------------------------------------------------------------------------------

async function kept(url, more) {
  const found = await find(url);
  if (!found) return without(url, more && "离线：" + more);
  const opened = new Date(Number(found.headers.get("x-kept-at"))).toLocaleString("zh-CN", { dateStyle: "medium", timeStyle: "short" });
  const banner = `离线：数据截至${found.headers.get("x-kept-as-of")}（本机${opened}打开）。${more}`;
  return answered(found, (text) => text.replace("<!--offline-->", () => box(banner)));
}

async function without(url, more) {
  const found = await (await caches.open(SHELL)).match("/offline");
  if (!found) return Response.error();
  const list = await titles();
  return answered(found, (text) => text.replace("<!--offline-->", () => (more ? box(more) : "")).replace("<!--kept-->", () => list));
}

function box(text) {
  return `<p class="offline" role="status" data-kept>${text}</p>`;
}

async function answered(found, change) {
  return new Response(change(await found.text()), { status: 200, headers: found.headers });
}

// Titles were escaped by the server, and addresses are encoded.
async function titles() {
  const lines = [];
  for (const name of await seen()) {
    const cache = await caches.open(name);
    for (const page of (await cache.keys()).reverse()) {
      const text = await (await cache.match(page)).text();
      const title = (text.match(/<title>([^<]*)<\/title>/) || ["", ""])[1].replace(/ - [^-]*$/, "");
      const { pathname, search } = new URL(page.url);
      lines.push(`<li><a href="${(pathname + search).replace(/&/g, "&amp;").replace(/"/g, "%22").replace(/</g, "%3C")}">${title}</a></li>`);
    }
  }
  return lines.length ? `<ul class="kept">${lines.join("")}</ul>` : "<p>没有。</p>";
}
