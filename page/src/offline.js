/** The service worker: threads on servers that set no headers, and offline use. */

const TIMEOUT_MILLISECONDS = 4000;
const TRIED = "isolation-tried";

/**
 * Start the service worker, which caches the files that are loaded from now on.
 *
 * If the server does not isolate the page, the service worker does, from the next load on. For
 * this, the page reloads once, unless the user has already done something.
 *
 * @returns {Promise<boolean>} whether the page is about to reload
 */
export async function startServiceWorker() {
  if (!("serviceWorker" in navigator)) return false;
  let touched = false;
  const touch = () => (touched = true);
  for (const kind of ["pointerdown", "keydown", "drop"]) {
    addEventListener(kind, touch, { capture: true, once: true });
  }
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await controlled();
  } catch {
    return false;
  }
  if (crossOriginIsolated || touched || !navigator.serviceWorker.controller || tried()) return false;
  location.reload();
  return true;
}

/** Cache all files; call a function when the page works offline. */
export function cacheFiles(finished) {
  const worker = navigator.serviceWorker?.controller;
  if (!worker) return;
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (data === "cached") finished();
  });
  worker.postMessage("cache");
}

async function controlled() {
  if (navigator.serviceWorker.controller) return;
  await new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    setTimeout(resolve, TIMEOUT_MILLISECONDS);
  });
}

function tried() {
  try {
    const before = sessionStorage.getItem(TRIED);
    sessionStorage.setItem(TRIED, "yes");
    return Boolean(before);
  } catch {
    return true;
  }
}
