/**
 * Caches the page for offline use, and isolates it, so that WebAssembly may use threads even if
 * the server sets no headers. The build fills in the three constants.
 */

// Names of the caches: one for each version of the page, one for the runtime, which changes rarely.
const VERSION = "{{version}}";
const RUNTIME = "{{runtime}}";
const FILES = JSON.parse(`{{files}}`);

self.addEventListener("install", (event) => {
  // The first version starts at once and caches the files when the page requests it. A new version
  // caches them first, and starts when no page of the old one is open.
  event.waitUntil(self.registration.active ? cacheFiles() : self.skipWaiting());
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
  if (event.data === "cache") {
    event.waitUntil(cacheFiles().then(() => event.source.postMessage("cached")));
  }
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const inside = request.url.startsWith(self.registration.scope);
  if (request.method === "GET" && inside) event.respondWith(respond(request));
});

async function cacheFiles() {
  const cache = await caches.open(VERSION);
  for (const file of FILES) {
    if (!(await cache.match(file))) await cache.add(new Request(file, { cache: "no-cache" }));
  }
}

async function respond(request) {
  // The build of the runtime depends on the browser: only the requested files are cached.
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
