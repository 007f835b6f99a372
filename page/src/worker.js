/**
 * The worker: holds the networks and the photo, so that the page stays responsive.
 *
 * Each message of the page has an `id` and a `type`, the name of a handler. Replies have the same
 * `id`. A new "stylize" cancels the one before.
 */

import { Networks } from "./networks.js";
import { cropImage, fitLongest, resize } from "./pixels.js";
import { openRuntime } from "./runtime.js";
import { Photo, encodeStyle } from "./stylizer.js";

// Longest side of an image: canvases of phones hold 4096 by 4096 pixels.
const LONGEST = 4096;
// Of an image file; a decoded image takes 4 bytes per pixel.
const MAX_PIXELS = 120e6;

let page, catalog, networks, photo;
// Ids of the latest messages; earlier ones are cancelled.
let stylizing = 0;
let opening = 0;

/** An error that the page has a message for; `code` is its key. */
class RequestError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const handlers = {
  /** Load the networks; return what they run on. */
  async open(message) {
    ({ page, catalog } = message);
    await open(true);
    return networks.runtime.device;
  },

  /** Decode a photo, limit its longer side, and keep it for stylizing. */
  async photo({ id, file, longest }) {
    [opening, stylizing] = [id, 0];
    const { image, original } = await readImage(file, longest);
    if (id !== opening) throw new RequestError("cancelled");
    photo = new Photo(networks, image);
    return { width: image.width, height: image.height, original };
  },

  /** Encode an artwork. */
  async style({ file }) {
    const { image } = await readImage(file, LONGEST);
    return withFallback(() => encodeStyle(networks, image));
  },

  /** Stylize the photo; send parts of the result and the progress on the way. */
  async stylize({ id, options, quick }) {
    stylizing = id;
    const started = performance.now();
    const send = (type, content, transfer) => {
      if (id !== stylizing) throw new RequestError("cancelled");
      postMessage({ id, type, ...content }, transfer);
    };
    const report = {
      progress: (share) => send("progress", { share }),
      part(image, window, last) {
        const part = cropImage(image, window);
        send("part", { part, window, last }, [part.data.buffer]);
      },
    };
    await withFallback(() => photo.stylize(options, report, { quick }));
    return { milliseconds: performance.now() - started };
  },

  /** Stylize one frame of the camera. */
  async frame({ image, options }) {
    let result = image;
    const report = { progress() {}, part: (whole) => (result = whole) };
    await withFallback(() => new Photo(networks, image).stylize(options, report));
    return result;
  },
};

async function open(allowGpu) {
  const runtime = await openRuntime(new URL(page), catalog, allowGpu);
  networks = new Networks(runtime, catalog.settings, pause);
  if (photo) photo = new Photo(networks, photo.image);
}

/** Call a function; if it fails on the GPU, call it again on the CPU. */
async function withFallback(run) {
  try {
    return await run();
  } catch (error) {
    if (error instanceof RequestError || networks.runtime.device.backend === "wasm") throw error;
    console.warn("The GPU failed; continuing on the CPU:", error);
    await networks.runtime.close();
    await open(false);
    return run();
  }
}

/** Let the worker handle messages, as WebAssembly does not return in between. */
function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

async function readImage(file, longest) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new RequestError("unreadable");
  }
  const original = { width: bitmap.width, height: bitmap.height };
  if (bitmap.width * bitmap.height > MAX_PIXELS) {
    bitmap.close();
    throw new RequestError("too-large");
  }
  const size = fitLongest(original, LONGEST);
  const context = new OffscreenCanvas(size.width, size.height).getContext("2d", {
    willReadFrequently: true,
  });
  // Transparent pixels become white.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, size.width, size.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, size.width, size.height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, size.width, size.height);
  const image = { ...size, data };
  return { image: resize(image, fitLongest(image, longest)), original };
}

self.onmessage = async ({ data: message }) => {
  const { id, type } = message;
  try {
    postMessage({ id, type: "done", result: await handlers[type](message) });
  } catch (error) {
    if (!error.code) console.error(error);
    postMessage({ id, type: "failed", code: error.code ?? "failed" });
  }
};
