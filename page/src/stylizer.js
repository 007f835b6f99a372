/**
 * Stylizing coarse to fine, as adain_core/engine/coarse_to_fine.py does it: the photo is stylized at
 * a small size first, then at increasing sizes on top of that. The size of strokes is fixed in
 * pixels, so the size of the first pass sets their size relative to the image.
 */

import { removeHalos } from "./halos.js";
import { mapBetween, mapImage, mapPlanes, measurePalette } from "./palettes.js";
import { adaptiveInstanceNorm, mixStatistics, styleStatistics } from "./statistics.js";
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
 *   keepColors: boolean}} StylizeOptions `strokeSize`: 1 is medium, 2 twice as large
 * @typedef {{part: (image: Image, window: object, last: boolean) => void,
 *   progress: (share: number) => void}} Report
 */

// Shortest side of a preview pass, which is shown early if the first pass is larger.
const PREVIEW = 384;
// Octaves by which a pass is larger than the one before, at most.
const LARGEST_STEP = 1.5;
// Largest gain of AdaIN in a later pass. Stylized images need less; a flat one would show its
// rounding.
const LARGEST_GAIN = 10;

/**
 * Return the sizes of all passes, each at most 2.83 times as large as the one before.
 *
 * @param {import("./pixels.js").Size} size of the image
 * @param {number} first shortest side of the first pass
 * @returns {import("./pixels.js").Size[]}
 */
function passSizes({ width, height }, first) {
  const shortest = Math.min(width, height);
  if (shortest <= first) return [{ width, height }];
  const steps = Math.ceil(Math.log2(shortest / first) / LARGEST_STEP);
  const smaller = Array.from({ length: steps }, (_, step) => {
    const factor = (first / shortest) ** (1 - step / steps);
    const scaled = (length) => Math.max(1, Math.round(length * factor));
    return { width: scaled(width), height: scaled(height) };
  });
  return [...smaller, { width, height }];
}

/**
 * Return how close to the artwork a later pass is: 0 as encoded, 1 at twice its size.
 *
 * @param {import("./pixels.js").Size} size of the pass
 * @param {number} closeFrom shortest side up to which the artwork keeps its size
 */
function closeness({ width, height }, closeFrom) {
  return Math.min(1, Math.max(0, Math.log2(Math.min(width, height) / closeFrom)));
}

/**
 * Encode an artwork.
 *
 * @returns {Promise<import("./statistics.js").Style>}
 */
export async function encodeStyle(networks, artwork) {
  const shortest = Math.min(networks.settings.styleSize, artwork.width, artwork.height);
  const at = (side) => {
    const size = fitShortest(artwork, side);
    return [size, (window) => resizedPlanes(artwork, size, window)];
  };
  const encode = async (side) => (await networks.encode(...at(side))).statistics;
  return {
    ...(await encode(shortest)),
    closeup: await encode(2 * shortest),
    palette: measurePalette(...at(shortest)),
  };
}

/** The input of a pass: planes that are read window by window. */
class Canvas {
  /**
   * @param {import("./networks.js").Networks} networks
   * @param {Image} photo at the size of the pass
   * @param {import("./strokes.js").Planes} planes
   * @param {import("./palettes.js").ColorMap | null} colorMap of the photo within the planes
   * @param {{kept: boolean}} how kept: whether it is used again, so that results are kept
   */
  constructor(networks, photo, planes, colorMap, { kept = false } = {}) {
    const size = { width: photo.width, height: photo.height };
    Object.assign(this, { networks, photo, size, planes, colorMap, kept });
  }

  async encode(progress) {
    this.features ??= await this.networks.encode(this.size, this.planes, progress);
    return this.features;
  }

  /** Yield what the decoder loses of each tile, planes. */
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

/** A photo at the size of a first pass. It caches the canvas with the latest colors. */
class ReducedPhoto {
  #canvas = null;

  /** @param {Image} image the photo at this size */
  constructor(networks, image) {
    Object.assign(this, { networks, image, kept: image.width * image.height < 1e6 });
    this.palette = measurePalette(image, (window) => readPlanes(image, window));
  }

  /**
   * @param {StylizeOptions} options
   * @returns {Canvas} the photo in the colors of the artwork
   */
  canvas({ style, alpha, keepColors }) {
    const colored = style.palette && !keepColors;
    const colorMap = colored ? mapBetween(this.palette, style.palette, alpha) : null;
    if (!this.#canvas || JSON.stringify(this.#canvas.colorMap) !== JSON.stringify(colorMap)) {
      const planes = (window) => mapPlanes(readPlanes(this.image, window), colorMap);
      const how = { kept: this.kept };
      this.#canvas = new Canvas(this.networks, this.image, planes, colorMap, how);
    }
    return this.#canvas;
  }
}

/** A photo. It caches the features of first passes, so that new options apply quickly. */
export class Photo {
  /** @param {Image} image */
  constructor(networks, image) {
    Object.assign(this, { networks, image });
    this.first = new Map();
  }

  /**
   * @param {import("./pixels.js").Size} size
   * @param {StylizeOptions} options
   * @returns {Canvas} the input of a first pass
   */
  canvas(size, options) {
    const key = `${size.width}x${size.height}`;
    const photo = this.first.get(key) ?? new ReducedPhoto(this.networks, resize(this.image, size));
    if (photo.kept) this.first.set(key, photo);
    return photo.canvas(options);
  }

  /**
   * @param {{photo: Image, colorMap: import("./palettes.js").ColorMap | null, result: Image}}
   *   previous the previous pass
   * @param {import("./pixels.js").Size} size
   * @param {number} share of the photo that is mixed in, 0..1
   * @returns {Canvas} the input of a later pass
   */
  underpainting(previous, size, share) {
    const { colorMap, result } = previous;
    const [photo, reduced] = [resize(this.image, size), mapImage(previous.photo, colorMap)];
    const planes = underpaint(photo, result, reduced, share, colorMap);
    return new Canvas(this.networks, photo, planes, colorMap);
  }

  /**
   * Stylize the photo.
   *
   * @param {StylizeOptions} options
   * @param {Report} report
   * @param {{quick: boolean}} how quick: only the first pass
   */
  async stylize(options, report, { quick = false } = {}) {
    if (options.alpha === 0) {
      report.part(this.image, whole(this.image), true);
      return;
    }
    const first = Math.max(1, Math.round(this.networks.settings.firstPass / options.strokeSize));
    const sizes = passSizes(this.image, first);
    const preview = fitShortest(this.image, PREVIEW);
    const early = area(preview) < 0.8 * area(sizes[0]);
    const passes = [...(early ? [preview] : []), ...sizes].slice(0, quick ? 1 : Infinity);
    const total = passes.reduce((sum, size) => sum + area(size), 0);
    // So that all later passes together keep as much of the photo as one would.
    const { photoShare, closeFrom } = this.networks.settings;
    const share = 1 - (1 - photoShare) ** (1 / Math.max(1, sizes.length - 1));
    let done = 0;
    let previous = null;
    for (const size of passes) {
      const canvas = previous
        ? this.underpainting(previous, size, share)
        : this.canvas(size, options);
      const weight = area(size) / total;
      const progress = (part) => report.progress((done += part * weight));
      const close = previous ? closeness(size, closeFrom / options.strokeSize) : 0;
      const result = await this.#runPass(
        canvas,
        { ...options, style: styleStatistics(options.style, close) },
        { ...report, progress },
        previous?.result,
      );
      const { photo, colorMap } = canvas;
      previous = size === preview ? null : { photo, colorMap, result };
    }
  }

  /** Stylize in one pass; return the result. */
  async #runPass(canvas, options, report, previous) {
    const last = area(canvas.size) === area(this.image);
    const result = emptyImage(canvas.size);
    const write = (window, planes) => writePlanes(result, window, planes);
    const finish = (window, planes) => {
      if (last && options.keepColors) takeChrominance(planes, readPlanes(this.image, window));
      write(window, planes);
      if (last) report.part(result, window, true);
    };
    const gain = previous ? LARGEST_GAIN : Infinity;
    await this.#decode(canvas, { ...options, gain }, previous ? finish : write, report);
    if (previous) {
      await this.#putUnder(putUnder(result, previous, canvas.photo), result, finish);
    } else {
      // Those of the first pass are the largest.
      removeHalos(result, mapImage(canvas.photo, canvas.colorMap));
      if (last) finish(whole(result), readPlanes(result, whole(result)));
    }
    if (!last) {
      const shown = options.keepColors ? recolor(result, canvas.photo) : result;
      report.part(shown, whole(result), false);
    }
    return result;
  }

  async #decode(canvas, options, finish, report) {
    const { statistics } = await canvas.encode((share) => report.progress(share / 2));
    const target = mixStatistics(statistics, options.style, options.alpha);
    const transfer = adaptiveInstanceNorm(statistics, target, options.gain);
    const losses = options.alpha < 1 ? canvas.losses() : null;
    for await (const tile of this.networks.decode(canvas.features, transfer)) {
      const { window, planes } = tile;
      if (losses) {
        const { value: lost } = await losses.next();
        for (let i = 0; i < planes.length; i++) planes[i] += (1 - options.alpha) * lost[i];
      }
      finish(window, planes);
      report.progress(tile.share / 2);
    }
    // The generator stores what is kept after its last tile.
    await losses?.next();
  }

  async #putUnder(planes, size, finish) {
    for (const { inner } of this.networks.tiles(size)) {
      const window = windowPixels(inner, size);
      finish(window, planes(window));
      await this.networks.pause();
    }
  }
}

/** Return a stylized image with the colors of the photo. */
function recolor(image, photo) {
  const [recolored, all] = [emptyImage(image), whole(image)];
  const planes = readPlanes(image, all);
  takeChrominance(planes, readPlanes(photo, all));
  writePlanes(recolored, all, planes);
  return recolored;
}

function area({ width, height }) {
  return width * height;
}
