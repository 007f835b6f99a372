/**
 * Palettes, as in adain_core/color/palettes.py: the colors of an image as mean and covariance, and
 * maps from one to another. AdaIN leaves many of the photo's hues: trees stay green in the style of
 * a gray engraving. The photo is therefore stylized in the colors of the artwork.
 *
 * @typedef {import("./pixels.js").Image} Image
 * @typedef {import("./pixels.js").Size} Size
 * @typedef {import("./strokes.js").Planes} Planes
 * @typedef {Float32Array | Float64Array} Floats
 * @typedef {{mean: Floats, covariance: Floats}} Palette covariance: row by row
 * @typedef {{matrix: number[][], offset: number[]}} ColorMap an affine map of colors
 */

import { emptyImage, readPlanes, whole, writePlanes } from "./pixels.js";

// Rows of pixels that are read at a time.
const BAND = 64;
// Added to the variances, so that gray and flat images have an inverse: the variance of rounding to
// 8 bits.
const RIDGE = 1e-6;
// Highest gain of a map: a photo of low contrast would show its noise.
const LARGEST_GAIN = 1.4;
// Rotations converge quadratically: 4 sweeps are exact, 6 leave a margin.
const SWEEPS = 6;

const COLORS = [0, 1, 2];
const IDENTITY = COLORS.map((row) => COLORS.map((column) => Number(row === column)));

/**
 * Return the mean and the covariance of the colors of an image.
 *
 * @param {Size} size of the image
 * @param {Planes} planes returns the planes of the image in a window
 * @returns {Palette}
 */
export function measurePalette(size, planes) {
  const [sums, products] = [new Float64Array(3), new Float64Array(9)];
  for (let top = 0; top < size.height; top += BAND) {
    const bottom = Math.min(size.height, top + BAND);
    const part = planes({ ...whole(size), top, bottom });
    const area = part.length / 3;
    const bands = COLORS.map((color) => part.subarray(color * area, (color + 1) * area));
    for (const one of COLORS) {
      sums[one] += bands[one].reduce((sum, value) => sum + value, 0);
      for (const two of COLORS) products[3 * one + two] += dot(bands[one], bands[two]);
    }
  }
  const count = size.width * size.height;
  const mean = sums.map((sum) => sum / count);
  const covariance = products.map(
    (product, i) => product / count - mean[Math.floor(i / 3)] * mean[i % 3],
  );
  return { mean, covariance };
}

/**
 * Mix two palettes.
 *
 * @param {Palette} one
 * @param {Palette} other
 * @param {number} share of the other, 0..1
 * @returns {Palette}
 */
export function mixPalettes(one, other, share) {
  const between = (a, b) => a.map((value, i) => (1 - share) * value + share * b[i]);
  return {
    mean: between(one.mean, other.mean),
    covariance: between(one.covariance, other.covariance),
  };
}

/**
 * Return the map from one palette to another that changes each color least: the linear
 * Monge-Kantorovich map, as color transfer by "transport" in adain_core/color/methods.py.
 *
 * @param {Palette} source of the photo
 * @param {Palette} target of the artwork
 * @param {number} strength 0 keeps the colors, 1 is the full map, linear in between
 * @returns {ColorMap}
 */
export function mapBetween(source, target, strength) {
  const full = transport(withRidge(source.covariance), withRidge(target.covariance));
  const between = (a, b) => (1 - strength) * a + strength * b;
  const matrix = full.map((row, i) => row.map((value, j) => between(IDENTITY[i][j], value)));
  const offset = matrix.map(
    (row, i) => between(source.mean[i], target.mean[i]) - dot(row, source.mean),
  );
  return { matrix, offset };
}

/** @returns {Float32Array} planes with mapped colors, clamped; as they are without a map */
export function mapPlanes(planes, colorMap) {
  if (!colorMap) return planes;
  const mapped = new Float32Array(planes.length);
  const area = planes.length / 3;
  for (const color of COLORS) {
    const [red, green, blue] = colorMap.matrix[color];
    const offset = colorMap.offset[color];
    for (let i = 0; i < area; i++) {
      const value =
        red * planes[i] + green * planes[i + area] + blue * planes[i + 2 * area] + offset;
      mapped[color * area + i] = Math.min(1, Math.max(0, value));
    }
  }
  return mapped;
}

/** @returns {Image} an image with mapped colors; the same object without a map */
export function mapImage(image, colorMap) {
  if (!colorMap) return image;
  const [mapped, all] = [emptyImage(image), whole(image)];
  writePlanes(mapped, all, mapPlanes(readPlanes(image, all), colorMap));
  return mapped;
}

/** @returns {number[][]} the symmetric matrix that gives one covariance the other */
function transport(source, target) {
  const root = alongAxes(source, Math.sqrt);
  const inverse = alongAxes(source, (value) => 1 / Math.sqrt(value));
  // Rounding may leave a value below 0.
  const middle = alongAxes(multiply(root, target, root), (value) => Math.sqrt(Math.max(0, value)));
  return alongAxes(multiply(inverse, middle, inverse), (gain) =>
    Math.min(LARGEST_GAIN, Math.max(0, gain)),
  );
}

function withRidge(covariance) {
  return IDENTITY.map((row, i) => row.map((one, j) => covariance[3 * i + j] + RIDGE * one));
}

/**
 * Change the eigenvalues of a symmetric matrix, which Jacobi's rotations find.
 *
 * @param {number[][]} matrix
 * @param {(value: number) => number} change
 * @returns {number[][]} a matrix with the same axes
 */
function alongAxes(matrix, change) {
  let [rotated, axes] = [matrix, IDENTITY];
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const [one, two] of [[0, 1], [0, 2], [1, 2]]) {
      const rotation = rotationToZero(rotated, one, two);
      rotated = multiply(transpose(rotation), rotated, rotation);
      axes = multiply(axes, rotation);
    }
  }
  const scaled = axes.map((row) => row.map((value, axis) => value * change(rotated[axis][axis])));
  return multiply(scaled, transpose(axes));
}

/** @returns {number[][]} the rotation of two axes after which they are independent */
function rotationToZero(matrix, one, two) {
  if (matrix[one][two] === 0) return IDENTITY;
  const angle = Math.atan((2 * matrix[one][two]) / (matrix[two][two] - matrix[one][one])) / 2;
  const rotation = IDENTITY.map((row) => [...row]);
  rotation[one][one] = rotation[two][two] = Math.cos(angle);
  rotation[one][two] = Math.sin(angle);
  rotation[two][one] = -Math.sin(angle);
  return rotation;
}

function multiply(first, ...others) {
  return others.reduce((left, right) => {
    const columns = transpose(right);
    return left.map((row) => columns.map((column) => dot(row, column)));
  }, first);
}

function transpose(matrix) {
  return COLORS.map((column) => matrix.map((row) => row[column]));
}

function dot(one, two) {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * two[i];
  return sum;
}
