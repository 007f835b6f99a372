/**
 * Keeps the page for use without a network, and isolates it, so that WebAssembly may use threads
 * where the server sets no headers of its own. The build fills in the three constants.
 */

// Caches: one for each version of the page, and one for the runtime, which changes rarely.
const VERSION = "{{version}}";
const RUNTIME = "{{runtime}}";
const FILES = JSON.parse(`{{files}}`);

self.addEventListener("install", (event) => {
  // The first version starts at once and keeps the files later, when the page asks; a new one takes
  // its time, and over when no page of the old one is left.
  event.waitUntil(self.registration.active ? keep() : self.skipWaiting());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name !== VERSION && name !== RUNTIME) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "keep") {
    event.waitUntil(keep().then(() => event.source.postMessage("kept")));
  }
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const inside = request.url.startsWith(self.registration.scope);
  if (request.method === "GET" && inside) event.respondWith(answer(request));
});

async function keep() {
  const cache = await caches.open(VERSION);
  for (const file of FILES) {
    if (!(await cache.match(file))) await cache.add(new Request(file, { cache: "no-cache" }));
  }
}

async function answer(request) {
  // Which build of the runtime it is depends on the browser: what it asked for is kept.
  const cache = await caches.open(request.url.includes(`/${RUNTIME}/`) ? RUNTIME : VERSION);
  const found = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
  if (found) return isolated(found);
  const response = await fetch(request);
  if (response.status === 200) await cache.put(request, response.clone());
  return isolated(response);
}

function isolated(response) {
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
