/**
 * The painter: a worker that holds the networks and the photo, so that the page never waits.
 *
 * Every message has an `id` and a `type`; what is said about it has the same `id`. A new "draw"
 * ends the one before.
 */

import { Networks } from "./networks.js";
import { cropImage, fitLongest, resize } from "./pixels.js";
import { openRuntime } from "./runtime.js";
import { Photo, encodeStyle } from "./stylizer.js";

// Side of the largest image: what canvases of phones hold is 4096 by 4096.
const LONGEST = 4096;
// Decoded images take 4 bytes for each of these.
const MOST_PIXELS = 120e6;

let page, catalog, networks, photo;
let drawing = 0;
let opening = 0;

/** A refusal that the page has a sentence for. */
class Refusal extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const handlers = {
  async open(message) {
    ({ page, catalog } = message);
    await open(true);
    return networks.runtime.device;
  },

  /** Decode a photo, make it no longer than a limit, and keep it for drawing. */
  async photo({ id, file, longest }) {
    [opening, drawing] = [id, 0];
    const { image, original } = await readImage(file, longest);
    if (id !== opening) throw new Refusal("cancelled");
    photo = new Photo(networks, image);
    return { width: image.width, height: image.height, original };
  },

  async style({ file }) {
    const { image } = await readImage(file, LONGEST);
    return withFallback(() => encodeStyle(networks, image));
  },

  async draw({ id, look, quick }) {
    drawing = id;
    const started = performance.now();
    const say = (type, content, transfer) => {
      if (id !== drawing) throw new Refusal("cancelled");
      postMessage({ id, type, ...content }, transfer);
    };
    const report = {
      progress: (share) => say("progress", { share }),
      part(image, window, last) {
        const part = cropImage(image, window);
        say("part", { part, window, last }, [part.data.buffer]);
      },
    };
    await withFallback(() => photo.draw(look, report, { quick }));
    return { milliseconds: performance.now() - started };
  },

  /** Draw one frame of the camera. */
  async frame({ image, look }) {
    let drawn = image;
    const report = { progress() {}, part: (whole) => (drawn = whole) };
    await withFallback(() => new Photo(networks, image).draw(look, report));
    return drawn;
  },
};

async function open(allowGpu) {
  const runtime = await openRuntime(new URL(page), catalog, allowGpu);
  networks = new Networks(runtime, catalog.settings, breathe);
  if (photo) photo = new Photo(networks, photo.image);
}

/** Do work, and once more without the graphics card where it fails there. */
async function withFallback(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal || networks.runtime.device.backend === "wasm") throw error;
    console.warn("The graphics card failed, the processor goes on:", error);
    await networks.runtime.close();
    await open(false);
    return work();
  }
}

/** Let messages in: WebAssembly does not wait for anything. */
function breathe() {
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
    throw new Refusal("unreadable");
  }
  const original = { width: bitmap.width, height: bitmap.height };
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    bitmap.close();
    throw new Refusal("too-large");
  }
  const size = fitLongest(original, LONGEST);
  const context = new OffscreenCanvas(size.width, size.height).getContext("2d", {
    willReadFrequently: true,
  });
  // What is transparent becomes white.
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
