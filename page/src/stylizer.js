/**
 * Draws photos coarse to fine, as the library's `stroke_size` does: small first, then over that up
 * to the full size. Strokes have a size in pixels, so the first pass says how large they are beside
 * the picture.
 */

import { removeHalos } from "./halos.js";
import { adaptiveInstanceNorm, mixStatistics, seenFrom } from "./statistics.js";
import {
  emptyPicture,
  fitShortest,
  readPlanes,
  resize,
  resizedPlanes,
  takeChrominance,
  whole,
  writePlanes,
} from "./pixels.js";

/**
 * @typedef {import("./pixels.js").Picture} Picture
 * @typedef {{style: import("./statistics.js").Style, alpha: number, strokeSize: number,
 *   keepColors: boolean}} Look `strokeSize` 1 is medium, 2 has strokes twice as large
 * @typedef {{part: (picture: Picture, window: object, last: boolean) => void,
 *   progress: (share: number) => void}} Report
 */

// Shortest side of a pass that shows something early, where the first one is larger.
const PREVIEW = 384;

/**
 * Return the sizes that a picture is drawn at, each about twice as large as the one before.
 *
 * @param {import("./pixels.js").Size} size of the picture
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
 * Return how close to the artwork a later pass draws, so that strokes grow with the picture.
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

/** What a pass is drawn on: planes that are read window by window. */
class Canvas {
  constructor(networks, size, planes, { kept = false } = {}) {
    Object.assign(this, { networks, size, planes, kept });
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
  /** @param {Picture} picture */
  constructor(networks, picture) {
    Object.assign(this, { networks, picture });
    this.first = new Map();
  }

  /** @returns {Canvas} the photo itself at a size, for a first pass */
  canvas(size) {
    const key = `${size.width}x${size.height}`;
    if (!this.first.has(key)) {
      const picture = resize(this.picture, size);
      const planes = (window) => readPlanes(picture, window);
      const kept = size.width * size.height < 1e6;
      const canvas = new Canvas(this.networks, size, planes, { kept });
      if (!kept) return canvas;
      this.first.set(key, canvas);
    }
    return this.first.get(key);
  }

  /**
   * @param {Picture} drawn
   * @param {import("./pixels.js").Size} size
   * @param {number} share of what the smaller pass changed
   * @param {boolean} halos whether its halos are kept
   * @returns {Canvas} the photo at a size, changed as it was drawn smaller
   */
  underpainting(drawn, size, share, halos) {
    const [picture, reduced] = [resize(this.picture, size), resize(this.picture, drawn)];
    const [before, after] = [reduced, drawn].map((each) => readPlanes(each, whole(drawn)));
    let change = after.map((value, i) => value - before[i]);
    if (!halos) change = removeHalos(change, before, drawn);
    const levels = asLevels(change, drawn);
    const planes = (window) => {
      const changed = resizedPlanes(levels, size, window);
      return readPlanes(picture, window).map((value, i) =>
        Math.min(1, Math.max(0, value + share * changed[i])),
      );
    };
    return new Canvas(this.networks, size, planes);
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
      report.part(this.picture, whole(this.picture), true);
      return;
    }
    const first = Math.max(1, Math.round(this.networks.settings.firstPass / look.strokeSize));
    const sizes = passSizes(this.picture, first);
    const preview = fitShortest(this.picture, PREVIEW);
    const early = area(preview) < 0.8 * area(sizes[0]);
    const passes = [...(early ? [preview] : []), ...sizes].slice(0, quick ? 1 : Infinity);
    const total = passes.reduce((sum, size) => sum + area(size), 0);
    // So that all later passes together keep as much of the photo as one would.
    const { photoShare, laterStrength, closeFrom } = this.networks.settings;
    const change = (1 - photoShare) ** (1 / Math.max(1, sizes.length - 1));
    let done = 0;
    let under = null;
    let halos = false;
    for (const size of passes) {
      const canvas = under ? this.underpainting(under, size, change, halos) : this.canvas(size);
      const weight = area(size) / total;
      const progress = (share) => report.progress((done += share * weight));
      const style = seenFrom(look.style, under ? closeness(size, closeFrom / look.strokeSize) : 0);
      const alpha = look.alpha * (under ? laterStrength : 1);
      const drawn = await this.#drawPass(canvas, look, { style, alpha }, { ...report, progress });
      // Those of the first pass are the largest.
      halos = under !== null;
      under = size === preview ? null : drawn;
    }
  }

  async #drawPass(canvas, look, { style, alpha }, report) {
    const last = area(canvas.size) === area(this.picture);
    const drawn = emptyPicture(canvas.size);
    const { statistics } = await canvas.encode((share) => report.progress(share / 2));
    const target = mixStatistics(statistics, style, alpha);
    const transfer = adaptiveInstanceNorm(statistics, target);
    const losses = look.alpha < 1 ? canvas.losses() : null;
    for await (const tile of this.networks.decode(canvas.features, transfer)) {
      const { window, planes } = tile;
      if (losses) {
        const { value: lost } = await losses.next();
        for (let i = 0; i < planes.length; i++) planes[i] += (1 - look.alpha) * lost[i];
      }
      if (last && look.keepColors) takeChrominance(planes, readPlanes(this.picture, window));
      writePlanes(drawn, window, planes);
      report.progress(tile.share / 2);
      if (last) report.part(drawn, window, true);
    }
    // What is kept is complete only when the last was asked for.
    await losses?.next();
    if (!last) report.part(look.keepColors ? this.#recolor(drawn) : drawn, whole(drawn), false);
    return drawn;
  }

  #recolor(drawn) {
    const [recolored, all] = [emptyPicture(drawn), whole(drawn)];
    const planes = readPlanes(drawn, all);
    takeChrominance(planes, resizedPlanes(this.picture, drawn));
    writePlanes(recolored, all, planes);
    return recolored;
  }
}

/** Return planes as a picture whose levels may be negative. */
function asLevels(planes, { width, height }) {
  const data = new Float32Array(4 * width * height);
  for (let plane = 0; plane < 3; plane++) {
    for (let i = 0; i < width * height; i++) {
      data[4 * i + plane] = Math.round(255 * planes[plane * width * height + i]);
    }
  }
  return { width, height, data };
}

function area({ width, height }) {
  return width * height;
}
