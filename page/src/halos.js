/**
 * Removing the halos of a first pass, as adain_core/engine/halos.py does it: a guided filter, with
 * the photo's color as guide, makes the low frequencies of what the pass changed follow the photo,
 * and keeps its strokes.
 */

import { combine, meanAround, meanWithin, toCells, toPixels } from "./cells.js";

/** @typedef {import("./cells.js").Cells} Cells */

// Side of a cell, pixels. In cells: radius of the mean that removes strokes, and of the window in
// which the tone is a linear function of the photo's color.
const [CELL, STROKE, GROUND] = [4, 2, 24];
// Variance of the color in a window above which an edge separates tones.
const EDGE = 0.002;
// Highest gain that restores the contrast of tones.
const CONTRAST = 2;
// Least deviation of tones, so that nothing is divided by 0.
const LEAST = 1e-6;

const COLORS = [0, 1, 2];

/**
 * Remove the halos of a stylized image, in place: apart from strokes, uniform ground gets one tone.
 *
 * @param {import("./pixels.js").Image} image
 * @param {import("./pixels.js").Image} photo of the same size
 */
export function removeHalos(image, photo) {
  for (const [color, cells] of corrections(image, photo).entries()) {
    const correction = toPixels(cells, photo, { side: CELL });
    for (let pixel = 0; pixel < correction.length; pixel++) {
      image.data[4 * pixel + color] += 255 * correction[pixel];
    }
  }
}

/** @returns {Cells[]} the correction of each cell, for each color */
function corrections(image, photo) {
  const [guide, tones] = [photo, image].map((each) =>
    COLORS.map((color) => meanAround(meanColor(each, color), STROKE)),
  );
  const changes = COLORS.map((color) => combine((t, g) => t - g, tones[color], guide[color]));
  const filtered = filter(guide, changes);
  return COLORS.map((color) => {
    const even = combine((g, f) => g + f, guide[color], filtered[color]);
    // A regression has less contrast than its target.
    const { mean, deviation } = statistics(even);
    const wanted = statistics(tones[color]).deviation;
    const gain = Math.min(CONTRAST, Math.max(1, wanted / Math.max(LEAST, deviation)));
    return combine((e, t) => mean + gain * (e - mean) - t, even, tones[color]);
  });
}

/** @returns {Cells} the mean of one color in each cell, 0..1 */
function meanColor({ width, height, data }, color) {
  const level = (x, y) => data[4 * (y * width + x) + color];
  return toCells({ width, height }, CELL, (window) => meanWithin(window, level) / 255);
}

/** @returns {Cells[]} changes as linear functions of the guide's colors in each window */
function filter(guide, changes) {
  const ground = (cells) => meanAround(cells, GROUND);
  const center = new Map([...guide, ...changes].map((cells) => [cells, ground(cells)]));
  const covariance = (one, two) => {
    const product = ground(combine((a, b) => a * b, one, two));
    return combine((p, a, b) => p - a * b, product, center.get(one), center.get(two));
  };
  const centers = guide.map((each) => center.get(each));
  const matrix = guide.map((one) =>
    guide.map((two) =>
      one === two ? combine((v) => v + EDGE, covariance(one, two)) : covariance(one, two),
    ),
  );
  const inverse = invert(matrix);
  return changes.map((change) => {
    const right = guide.map((each) => covariance(each, change));
    const slopes = inverse.map((row) => dot(row, right));
    const offset = combine((c, s) => c - s, center.get(change), dot(slopes, centers));
    return combine((s, o) => s + o, dot(slopes.map(ground), guide), ground(offset));
  });
}

/** @returns {Cells[][]} the inverse of a 3x3 matrix in each cell */
function invert([one, two, three]) {
  const cofactors = [cross(two, three), cross(three, one), cross(one, two)];
  const determinant = dot(one, cofactors[0]);
  return cofactors.map((row) => row.map((cells) => combine((c, d) => c / d, cells, determinant)));
}

function cross(one, two) {
  return COLORS.map((color) => {
    const [next, last] = [(color + 1) % 3, (color + 2) % 3];
    return combine((a, b, c, d) => a * b - c * d, one[next], two[last], one[last], two[next]);
  });
}

function dot(one, two) {
  return combine((a, b, c, x, y, z) => a * x + b * y + c * z, ...one, ...two);
}

function statistics({ data }) {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const squares = data.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / data.length) };
}
