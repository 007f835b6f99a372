/**
 * Draws photos coarse to fine, as the library's `stroke_size` does: small first, then over that up
 * to the full size. Strokes have a size in pixels, so the first pass says how large they are beside
 * the image.
 */

import { removeHalos } from "./halos.js";
import { adaptiveInstanceNorm, mixStatistics, seenFrom } from "./statistics.js";
import {
  emptyImage,
  fitShortest,
  readPlanes,
  resize,
  resizedPlanes,
  takeChrominance,
  whole,
  writePlanes,
} from "./pixels.js";
import { putUnder, underpaint } from "./strokes.js";
import { windowPixels } from "./tiles.js";

/**
 * @typedef {import("./pixels.js").Image} Image
 * @typedef {{style: import("./statistics.js").Style, alpha: number, strokeSize: number,
 *   keepColors: boolean}} Look `strokeSize` 1 is medium, 2 has strokes twice as large
 * @typedef {{part: (image: Image, window: object, last: boolean) => void,
 *   progress: (share: number) => void}} Report
 */

// Shortest side of a pass that shows something early, where the first one is larger.
const PREVIEW = 384;

/**
 * Return the sizes that an image is drawn at, each about twice as large as the one before.
 *
 * @param {import("./pixels.js").Size} size of the image
 * @param {number} first shortest side of the first pass
 * @returns {import("./pixels.js").Size[]}
 */
function passSizes({ width, height }, first) {
  const shortest = Math.min(width, height);
  if (shortest <= first) return [{ width, height }];
  const steps = Math.max(1, Math.round(Math.log2(shortest / first)));
  const smaller = Array.from({ length: steps }, (_, step) => {
    const factor = (first / shortest) ** (1 - step / steps);
    const scaled = (length) => Math.max(1, Math.round(length * factor));
    return { width: scaled(width), height: scaled(height) };
  });
  return [...smaller, { width, height }];
}

/**
 * Return how close to the artwork a later pass draws, so that strokes grow with the image.
 *
 * @param {import("./pixels.js").Size} size of the pass
 * @param {number} closeFrom shortest side up to which the artwork keeps its size
 */
function closeness({ width, height }, closeFrom) {
  return Math.min(1, Math.max(0, Math.log2(Math.min(width, height) / closeFrom)));
}

/**
 * Take the style of an artwork.
 *
 * @returns {Promise<import("./statistics.js").Style>}
 */
export async function encodeStyle(networks, artwork) {
  const shortest = Math.min(networks.settings.styleSize, artwork.width, artwork.height);
  const encode = async (side) => {
    const size = fitShortest(artwork, side);
    const planes = (window) => resizedPlanes(artwork, size, window);
    return (await networks.encode(size, planes)).statistics;
  };
  return { ...(await encode(shortest)), closeup: await encode(2 * shortest) };
}

/** What a pass is drawn on: a photo, or one that is changed, as planes that are read by windows. */
class Canvas {
  /**
   * @param {import("./networks.js").Networks} networks
   * @param {Image} photo at the size of the pass
   * @param {import("./strokes.js").Planes} planes
   * @param {{kept: boolean}} how kept: it is drawn on again
   */
  constructor(networks, photo, planes, { kept = false } = {}) {
    const size = { width: photo.width, height: photo.height };
    Object.assign(this, { networks, photo, size, planes, kept });
  }

  async encode(progress) {
    this.features ??= await this.networks.encode(this.size, this.planes, progress);
    return this.features;
  }

  /** What the decoder loses of each tile, planes. */
  async *losses() {
    if (this.lost) {
      yield* this.lost;
      return;
    }
    const { mean } = this.features.statistics;
    const none = { scale: mean.map(() => 1), shift: mean.map(() => 0) };
    const lost = [];
    for await (const { window, planes } of this.networks.decode(this.features, none)) {
      const canvas = this.planes(window);
      const loss = planes.map((value, i) => canvas[i] - value);
      if (this.kept) lost.push(loss);
      yield loss;
    }
    if (this.kept) this.lost = lost;
  }
}

/** A photo, which remembers what its first passes need, so that a change of the look is quick. */
export class Photo {
  /** @param {Image} image */
  constructor(networks, image) {
    Object.assign(this, { networks, image });
    this.first = new Map();
  }

  /** @returns {Canvas} the photo itself at a size, for a first pass */
  canvas(size) {
    const key = `${size.width}x${size.height}`;
    if (!this.first.has(key)) {
      const photo = resize(this.image, size);
      const planes = (window) => readPlanes(photo, window);
      const kept = size.width * size.height < 1e6;
      const canvas = new Canvas(this.networks, photo, planes, { kept });
      if (!kept) return canvas;
      this.first.set(key, canvas);
    }
    return this.first.get(key);
  }

  /**
   * @param {{photo: Image, drawn: Image}} smaller the pass before
   * @param {import("./pixels.js").Size} size
   * @param {number} share of what that pass changed
   * @returns {Canvas} the photo at a size, changed as it was drawn smaller
   */
  underpainting(smaller, size, share) {
    const photo = resize(this.image, size);
    return new Canvas(this.networks, photo, underpaint(photo, smaller.drawn, smaller.photo, share));
  }

  /**
   * Draw the photo.
   *
   * @param {Look} look
   * @param {Report} report
   * @param {{quick: boolean}} how quick: the first pass alone
   */
  async draw(look, report, { quick = false } = {}) {
    if (look.alpha === 0) {
      report.part(this.image, whole(this.image), true);
      return;
    }
    const first = Math.max(1, Math.round(this.networks.settings.firstPass / look.strokeSize));
    const sizes = passSizes(this.image, first);
    const preview = fitShortest(this.image, PREVIEW);
    const early = area(preview) < 0.8 * area(sizes[0]);
    const passes = [...(early ? [preview] : []), ...sizes].slice(0, quick ? 1 : Infinity);
    const total = passes.reduce((sum, size) => sum + area(size), 0);
    // So that all later passes together keep as much of the photo as one would.
    const { photoShare, closeFrom } = this.networks.settings;
    const change = (1 - photoShare) ** (1 / Math.max(1, sizes.length - 1));
    let done = 0;
    let smaller = null;
    for (const size of passes) {
      const canvas = smaller ? this.underpainting(smaller, size, change) : this.canvas(size);
      const weight = area(size) / total;
      const progress = (share) => report.progress((done += share * weight));
      const close = smaller ? closeness(size, closeFrom / look.strokeSize) : 0;
      const drawn = await this.#drawPass(
        canvas,
        { ...look, style: seenFrom(look.style, close) },
        { ...report, progress },
        smaller?.drawn,
      );
      smaller = size === preview ? null : { photo: canvas.photo, drawn };
    }
  }

  /** Draw a pass, over the one before if there is one. */
  async #drawPass(canvas, look, report, smaller) {
    const last = area(canvas.size) === area(this.image);
    const drawn = emptyImage(canvas.size);
    const write = (window, planes) => writePlanes(drawn, window, planes);
    const finish = (window, planes) => {
      if (last && look.keepColors) takeChrominance(planes, readPlanes(this.image, window));
      write(window, planes);
      if (last) report.part(drawn, window, true);
    };
    await this.#decode(canvas, look, smaller ? finish : write, report);
    if (smaller) {
      await this.#putUnder(putUnder(drawn, smaller, canvas.photo), drawn, finish);
    } else {
      removeHalos(drawn, canvas.photo); // those of the first pass are the largest
      if (last) finish(whole(drawn), readPlanes(drawn, whole(drawn)));
    }
    if (!last) {
      const seen = look.keepColors ? recolor(drawn, canvas.photo) : drawn;
      report.part(seen, whole(drawn), false);
    }
    return drawn;
  }

  async #decode(canvas, look, finish, report) {
    const { statistics } = await canvas.encode((share) => report.progress(share / 2));
    const target = mixStatistics(statistics, look.style, look.alpha);
    const transfer = adaptiveInstanceNorm(statistics, target);
    const losses = look.alpha < 1 ? canvas.losses() : null;
    for await (const tile of this.networks.decode(canvas.features, transfer)) {
      const { window, planes } = tile;
      if (losses) {
        const { value: lost } = await losses.next();
        for (let i = 0; i < planes.length; i++) planes[i] += (1 - look.alpha) * lost[i];
      }
      finish(window, planes);
      report.progress(tile.share / 2);
    }
    // What is kept is complete only when the last was asked for.
    await losses?.next();
  }

  async #putUnder(planes, size, finish) {
    for (const { inner } of this.networks.tiles(size)) {
      const window = windowPixels(inner, size);
      finish(window, planes(window));
      await this.networks.breathe();
    }
  }
}

/** Return a drawn image with the colors of the photo. */
function recolor(drawn, photo) {
  const [recolored, all] = [emptyImage(drawn), whole(drawn)];
  const planes = readPlanes(drawn, all);
  takeChrominance(planes, readPlanes(photo, all));
  writePlanes(recolored, all, planes);
  return recolored;
}

function area({ width, height }) {
  return width * height;
}
