/** The service worker: threads on servers that cannot set headers, and the page without a network. */

const PATIENCE_MILLISECONDS = 4000;
const TRIED = "isolation-tried";

/**
 * Let the service worker take over, so that it keeps what is loaded from now on.
 *
 * Where the server does not isolate the page the worker does, from the next load on: the page
 * loads itself once more, before anybody has done anything.
 *
 * @returns {Promise<boolean>} whether the page is about to load again
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

/** Have everything kept; call back when the page works offline. */
export function keepOffline(kept) {
  const worker = navigator.serviceWorker?.controller;
  if (!worker) return;
  navigator.serviceWorker.addEventListener("message", ({ data }) => {
    if (data === "kept") kept();
  });
  worker.postMessage("keep");
}

async function controlled() {
  if (navigator.serviceWorker.controller) return;
  await new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    setTimeout(resolve, PATIENCE_MILLISECONDS);
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
