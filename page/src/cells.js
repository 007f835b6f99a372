/**
 * Maps with one value for each cell of pixels, so that computing low frequencies is fast.
 *
 * @typedef {{columns: number, rows: number, data: Float64Array}} Cells row by row
 * @typedef {import("./pixels.js").Size} Size
 * @typedef {import("./pixels.js").Window} Window
 */

import { whole } from "./pixels.js";

/**
 * @param {Size} size of the image
 * @param {number} side of a cell, pixels; the last cells may be smaller
 * @param {(window: Window) => number} value returns the value of a cell
 * @returns {Cells}
 */
export function toCells({ width, height }, side, value) {
  const [columns, rows] = [Math.ceil(width / side), Math.ceil(height / side)];
  const data = new Float64Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const [top, bottom] = [row * side, Math.min(height, (row + 1) * side)];
    for (let column = 0; column < columns; column++) {
      const [left, right] = [column * side, Math.min(width, (column + 1) * side)];
      data[row * columns + column] = value({ top, bottom, left, right });
    }
  }
  return { columns, rows, data };
}

/** @returns {number} the mean of a function of x and y over a window */
export function meanWithin({ top, bottom, left, right }, value) {
  let sum = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) sum += value(x, y);
  }
  return sum / ((bottom - top) * (right - left));
}

/** @returns {Cells} a function of the values of several maps in each cell */
export function combine(value, ...maps) {
  const values = maps.map(() => 0); // one array for all cells: a new one for each takes longer
  const data = maps[0].data.map((_, i) => {
    for (let map = 0; map < maps.length; map++) values[map] = maps[map].data[i];
    return value(...values);
  });
  return { ...maps[0], data };
}

/** @returns {Cells} the mean over a square around each cell, reflected at borders */
export function meanAround({ columns, rows, data }, radius) {
  const narrow = new Float64Array(data.length);
  const result = new Float64Array(data.length);
  for (let row = 0; row < rows; row++) meanLine(data, narrow, row * columns, 1, columns, radius);
  for (let column = 0; column < columns; column++) {
    meanLine(narrow, result, column, columns, rows, radius);
  }
  return { columns, rows, data: result };
}

function meanLine(from, to, start, step, length, radius) {
  const reach = Math.min(radius, length - 1);
  const at = (i) => {
    const place = i < 0 ? -i : i >= length ? 2 * (length - 1) - i : i;
    return from[start + step * place];
  };
  let sum = 0;
  for (let i = -reach; i <= reach; i++) sum += at(i);
  for (let i = 0; i < length; i++) {
    to[start + step * i] = sum / (2 * reach + 1);
    sum += at(i + reach + 1 < 2 * length - 1 ? i + reach + 1 : length - 1) - at(i - reach);
  }
}

/**
 * Enlarge cells to pixels, bilinear.
 *
 * @param {Cells} cells
 * @param {Size} size of the image
 * @param {{window: Window, side: number}} how window: the part to return, by default all; side: of
 *   a cell in pixels, by default the same for all
 * @returns {Float32Array} the values of the window, row by row
 */
export function toPixels({ columns, rows, data }, size, { window = whole(size), side } = {}) {
  const [width, height] = [window.right - window.left, window.bottom - window.top];
  const result = new Float32Array(width * height);
  const across = places(window.left, width, side ?? size.width / columns, columns);
  const down = places(window.top, height, side ?? size.height / rows, rows);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = [columns * down.first[y], columns * down.second[y]];
    for (let x = 0; x < width; x++) {
      const [left, right, share] = [across.first[x], across.second[x], across.share[x]];
      const above = (1 - share) * data[top + left] + share * data[top + right];
      const below = (1 - share) * data[bottom + left] + share * data[bottom + right];
      result[y * width + x] = (1 - down.share[y]) * above + down.share[y] * below;
    }
  }
  return result;
}

/** Return the two cells around each pixel of a line, and the weight of the second. */
function places(start, length, side, count) {
  const middle = Float64Array.from({ length }, (_, i) =>
    Math.max(0, (start + i + 0.5) / side - 0.5),
  );
  const first = middle.map((place) => Math.min(count - 1, Math.floor(place)));
  const second = first.map((place) => Math.min(count - 1, place + 1));
  return { first, second, share: middle.map((place, i) => place - first[i]) };
}
