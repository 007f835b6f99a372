/**
 * Kept strokes, as in adain_core/strokes.py: the low frequencies of a pass, which stay under the
 * next one. Where the photo has no detail beyond the resolution of the smaller pass, the next pass
 * adds only high frequencies; elsewhere it replaces the strokes.
 */

import { combine, meanAround, meanWithin, toCells, toPixels } from "./cells.js";
import { mapPlanes } from "./palettes.js";
import { readPlanes, resize, resizedPlanes } from "./pixels.js";

/**
 * @typedef {import("./pixels.js").Image} Image
 * @typedef {(window: import("./pixels.js").Window) => Float32Array} Planes returns the planes of an
 *   image in a window
 */

// Standard deviation of the brightness within a cell at which half of a stroke stays.
const DETAIL = 0.03;
// Radius of the mean over pairs of cells, so that a stroke stays as a whole or not at all.
const REACH = 1;

/**
 * Give an image the low frequencies of a smaller one.
 *
 * @param {Image} image
 * @param {Image} smaller
 * @param {Image} reduced the image at that size
 * @param {number | import("./cells.js").Cells} share of the difference to add, 0..1
 * @param {import("./palettes.js").ColorMap | null} colorMap of the image; `reduced` has these
 *   colors already
 * @returns {Planes}
 */
export function underpaint(image, smaller, reduced, share, colorMap = null) {
  const cells = typeof share === "number" ? { columns: 1, rows: 1, data: [share] } : share;
  return (window) => {
    const shares = toPixels(cells, image, { window });
    const [after, before] = [smaller, reduced].map((each) => resizedPlanes(each, image, window));
    return mapPlanes(readPlanes(image, window), colorMap).map((value, i) =>
      Math.min(1, Math.max(0, value + shares[i % shares.length] * (after[i] - before[i]))),
    );
  };
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
  return underpaint(result, smaller, resize(result, smaller), keptShare(photo, smaller));
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

/** @returns {number} the variance of the brightness in a window */
function variance({ width, data }, { top, bottom, left, right }) {
  let [sum, squares] = [0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const i = 4 * (y * width + x);
      const brightness = (data[i] + data[i + 1] + data[i + 2]) / 765;
      sum += brightness;
      squares += brightness ** 2;
    }
  }
  const count = (bottom - top) * (right - left);
  return squares / count - (sum / count) ** 2;
}
