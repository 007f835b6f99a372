/**
 * Halos, taken out of a first pass, as adain_core/halos.py does it: a guided filter makes the coarse
 * part of what the pass changed follow the photo, and leaves the strokes alone.
 */

import { combine, meanAround, meanWithin, toCells, toPixels } from "./cells.js";

// Side of a cell, pixels; in cells, radius of the mean that no stroke survives, and of the ground
// that has one tone; variance of the photo's brightness from which an edge separates tones.
const [CELL, STROKE, GROUND, EDGE] = [4, 2, 24, 0.01];

/**
 * Make a drawn picture differ from the photo alike wherever the photo is uniform, in place. Strokes
 * apart.
 *
 * @param {import("./pixels.js").Picture} drawn
 * @param {import("./pixels.js").Picture} photo of the same size
 */
export function removeHalos(drawn, photo) {
  const { width, height } = photo;
  const guide = (i) => (photo.data[i] + photo.data[i + 1] + photo.data[i + 2]) / 765;
  const means = (value) =>
    toCells(photo, CELL, (window) => meanWithin(window, (x, y) => value(4 * (y * width + x))));
  const ground = (cells) => meanAround(cells, GROUND);
  const brightness = means(guide);
  const center = ground(brightness);
  const square = ground(combine((b) => b * b, brightness));
  const variance = combine((s, c) => Math.max(0, s - c * c), square, center);
  for (let color = 0; color < 3; color++) {
    const change = means((i) => (drawn.data[i + color] - photo.data[i + color]) / 255);
    const tone = meanAround(change, STROKE);
    const average = ground(tone);
    const product = ground(combine((b, t) => b * t, brightness, tone));
    const covariance = combine((p, c, a) => p - c * a, product, center, average);
    const slope = combine((c, v) => c / (v + EDGE), covariance, variance);
    const offset = combine((a, s, c) => a - s * c, average, slope, center);
    const [slopes, offsets, tones] = [ground(slope), ground(offset), tone].map((cells) =>
      toPixels(cells, photo, { side: CELL }),
    );
    for (let pixel = 0; pixel < width * height; pixel++) {
      const even = slopes[pixel] * guide(4 * pixel) + offsets[pixel];
      drawn.data[4 * pixel + color] += 255 * (even - tones[pixel]);
    }
  }
}
