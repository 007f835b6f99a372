/**
 * Strokes of a pass, as in adain_core/engine/strokes.py: what the next pass starts from, and what
 * stays under it.
 */

import { combine, meanAround, meanWithin, toCells, toPixels } from "./cells.js";
import { mapPlanes } from "./palettes.js";
import { readPlanes, resize } from "./pixels.js";

/**
 * @typedef {import("./pixels.js").Image} Image
 * @typedef {import("./cells.js").Cells} Cells
 * @typedef {import("./palettes.js").ColorMap} ColorMap
 * @typedef {(window: import("./pixels.js").Window) => Float32Array} Planes returns the planes of an
 *   image in a window
 */

// Side of the cells, pixels, and radius of the windows of cells in which structure is compared;
// standard deviation of the unseen brightness at which the odds of the photo double.
const [CELL, WINDOW, UNSEEN] = [2, 2, 0.045];
// Radius in which an area is flat, pixels, and standard deviation of what half remains of.
const [NEAR, NOISE] = [4, 2 / 255];
// Least variance of an image that shows something.
const LEAST = 1e-6;
// Standard deviation of the brightness within a cell at which half of a stroke stays.
const DETAIL = 0.03;
// Radius of the mean over pairs of cells, so that a stroke stays as a whole or not at all.
const REACH = 1;

/**
 * Return the input of a pass: the strokes of the one before, mixed with the photo, with more of it
 * where they hide what it shows.
 *
 * @param {Image} photo at the size of the pass
 * @param {Image} smaller result of the smaller pass
 * @param {Image} reduced the photo at that size
 * @param {number} photoShare share of the photo where the strokes show all of it, 0..1; at 0 it is
 *   0 elsewhere, too
 * @param {ColorMap | null} colorMap of the photo; `reduced` has these colors already
 * @returns {Planes}
 */
export function underpaint(photo, smaller, reduced, photoShare, colorMap = null) {
  const share = (value) => (1 - photoShare) / (1 + (photoShare * value) / UNSEEN ** 2);
  const shares = combine(share, unseen(reduced, smaller));
  return change(photo, suppressNoise(smaller), reduced, shares, colorMap);
}

/**
 * A pass leaves rounding errors of a level in flat areas, which the next one would turn into lines.
 *
 * @param {Image} image
 * @returns {Cells[]} its colors, 0..1, smooth in flat areas, and its strokes as they are
 */
export function suppressNoise(image) {
  const colors = colorsOf(image);
  const means = colors.map((color) => meanAround(color, NEAR));
  const spread = (square, mean) => square - mean ** 2;
  const variances = colors.map((color, i) =>
    combine(spread, meanAround(combine((value) => value ** 2, color), NEAR), means[i]),
  );
  const kept = combine((...each) => {
    const energy = Math.max(0, (each[0] + each[1] + each[2]) / 3) ** 2;
    return energy / (energy + NOISE ** 4);
  }, ...variances);
  const mix = (mean, value, share) => mean + share * (value - mean);
  return colors.map((color, i) => combine(mix, means[i], color, kept));
}

/** @returns {Cells[]} red, green and blue of an image, 0..1 */
function colorsOf({ width, height, data }) {
  return [0, 1, 2].map((color) => ({
    columns: width,
    rows: height,
    data: Float64Array.from({ length: width * height }, (_, i) => data[4 * i + color] / 255),
  }));
}

/**
 * Put the strokes of a pass under the result of the next one.
 *
 * @param {Image} result of the next pass
 * @param {Image} smaller result of the smaller pass
 * @param {Image} photo at the size of the next pass
 * @returns {Planes} may be written into the result window by window
 */
export function putUnder(result, smaller, photo) {
  const reduced = resize(result, smaller);
  return change(result, colorsOf(smaller), reduced, keptShare(photo, smaller));
}

/**
 * @param {Image} photo at the size of the next pass
 * @param {import("./pixels.js").Size} size of the smaller pass
 * @returns {import("./cells.js").Cells} share of that pass that stays, 0..1
 */
function keptShare(photo, size) {
  // Passes are 1 to 2.9 times as large as the one before; 2.5 gives 2, as Python rounds.
  const side = Math.max(2, Math.ceil(photo.height / size.height - 0.5));
  const { columns, rows, data } = toCells(photo, side, (window) => variance(photo, window));
  const pairs = toCells({ width: columns, height: rows }, 2, (window) =>
    meanWithin(window, (x, y) => data[y * columns + x]),
  );
  return combine((v) => 1 / (1 + Math.max(0, v) / DETAIL ** 2), meanAround(pairs, REACH));
}

/** @returns {Cells} the variance of a photo's brightness that another image does not show */
function unseen(photo, image) {
  const [shown, other] = [photo, image].map((each) =>
    toCells(each, CELL, (window) =>
      meanWithin(window, (x, y) => brightness(each.data, 4 * (y * each.width + x))),
    ),
  );
  const around = (value, ...maps) => meanAround(combine(value, ...maps), WINDOW);
  const product = (a, b) => a * b;
  const rest = (mean, center, square, spread, common) => {
    const shared = Math.max(0, common - mean * center);
    const most = Math.max(LEAST, spread - center ** 2);
    return Math.max(0, square - mean ** 2 - shared ** 2 / most);
  };
  return combine(
    rest,
    meanAround(shown, WINDOW),
    meanAround(other, WINDOW),
    around(product, shown, shown),
    around(product, other, other),
    around(product, shown, other),
  );
}

/**
 * Give an image the low frequencies of a smaller one.
 *
 * @param {Image} image
 * @param {Cells[]} smaller its colors, 0..1
 * @param {Image} reduced the image at that size
 * @param {Cells} share of the difference to add, 0..1
 * @param {ColorMap | null} colorMap of the image; `reduced` has these colors already
 * @returns {Planes}
 */
function change(image, smaller, reduced, share, colorMap = null) {
  const shares = toPixels(share, reduced);
  const changes = smaller.map((cells, color) => ({
    ...cells,
    data: cells.data.map((value, i) => shares[i] * (value - reduced.data[4 * i + color] / 255)),
  }));
  return (window) => {
    const changed = changes.map((cells) => toPixels(cells, image, { window }));
    const area = changed[0].length;
    return mapPlanes(readPlanes(image, window), colorMap).map((value, i) =>
      Math.min(1, Math.max(0, value + changed[Math.floor(i / area)][i % area])),
    );
  };
}

/** @returns {number} the variance of the brightness in a window */
function variance({ width, data }, { top, bottom, left, right }) {
  let [sum, squares] = [0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const value = brightness(data, 4 * (y * width + x));
      sum += value;
      squares += value ** 2;
    }
  }
  const count = (bottom - top) * (right - left);
  return squares / count - (sum / count) ** 2;
}

/** @returns {number} the mean of red, green and blue, 0..1 */
function brightness(data, i) {
  return (data[i] + data[i + 1] + data[i + 2]) / 765;
}
