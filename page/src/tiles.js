/**
 * Tiling that bounds memory without changing the result: statistics are those of the whole feature
 * map, and each tile has a halo as wide as the receptive field of the networks.
 *
 * A cell is a feature, or its 8x8 pixels; windows are in cells.
 *
 * @typedef {{top: number, bottom: number, left: number, right: number}} Window
 * @typedef {{channels: number, rows: number, columns: number, data: Float32Array}} Map channel by
 *   channel, row by row
 */

export const STRIDE = 8;
// Receptive fields: 30 pixels beyond a feature's own 8x8, 3.75 features beyond a pixel's own.
const HALO_CELLS = 4;
// Smaller images are enlarged within the encoder's graph.
const SMALLEST_SIDE = 9;

/** @returns {{rows: number, columns: number}} the shape of the features of an image */
export function featureShape({ width, height }) {
  const cells = (length) => Math.ceil(Math.max(length, SMALLEST_SIDE) / STRIDE);
  return { rows: cells(height), columns: cells(width) };
}

/**
 * Split a map into tiles, with the smallest total area of halos.
 *
 * @param {{rows: number, columns: number}} shape of the map
 * @param {number} limit cells of a tile with its halo
 * @returns {{inner: Window, outer: Window}[]} each tile without and with its halo; all outer
 *   windows have the same shape, so that a device compiles its kernels once
 */
export function splitTiles({ rows, columns }, limit) {
  let best = null;
  for (let down = 1; down <= rows; down++) {
    const height = outerLength(rows, down);
    // As few as fit: more tiles have more halo.
    let across = 1;
    while (height * outerLength(columns, across) > limit && across < columns) across++;
    const cells = height * outerLength(columns, across);
    if (cells > limit && best) break;
    const cost = down * across * cells;
    if (!best || cost < best.cost) best = { down, across, cost };
  }
  return spans(rows, best.down).flatMap(([top, bottom, first, last]) =>
    spans(columns, best.across).map(([left, right, start, end]) => ({
      inner: { top, bottom, left, right },
      outer: { top: first, bottom: last, left: start, right: end },
    })),
  );
}

/** Return the length of the longest of `count` parts of a side, with its halo. */
function outerLength(length, count) {
  return Math.min(Math.ceil(length / count) + 2 * HALO_CELLS, length);
}

function spans(length, count) {
  const edge = (number) => Math.floor((length * number) / count);
  return Array.from({ length: count }, (_, number) => {
    const [start, stop] = [edge(number), edge(number + 1)];
    const first = Math.min(Math.max(0, start - HALO_CELLS), length - outerLength(length, count));
    return [start, stop, first, first + outerLength(length, count)];
  });
}

/** @returns {Window} a window in the coordinates of another one */
export function windowWithin(inner, outer) {
  return {
    top: inner.top - outer.top,
    bottom: inner.bottom - outer.top,
    left: inner.left - outer.left,
    right: inner.right - outer.left,
  };
}

/** @returns {Window} a window of cells in pixels, cut at the border of the image */
export function windowPixels({ top, bottom, left, right }, { width, height }) {
  return {
    top: STRIDE * top,
    bottom: Math.min(STRIDE * bottom, height),
    left: STRIDE * left,
    right: Math.min(STRIDE * right, width),
  };
}

/** @returns {Map} zeros */
export function emptyMap(channels, rows, columns) {
  return { channels, rows, columns, data: new Float32Array(channels * rows * columns) };
}

/** @returns {Map} a copy of a window */
export function cropMap(map, window) {
  const part = emptyMap(map.channels, window.bottom - window.top, window.right - window.left);
  forEachRow(map, window, part, (start, stop, from) => {
    part.data.set(map.data.subarray(start, stop), from);
  });
  return part;
}

/** Write a part into a window of a map. */
export function pasteMap(map, window, part) {
  forEachRow(map, window, part, (start, stop, from) => {
    map.data.set(part.data.subarray(from, from + stop - start), start);
  });
}

function forEachRow(map, { top, left }, part, copy) {
  for (let channel = 0; channel < map.channels; channel++) {
    for (let row = 0; row < part.rows; row++) {
      const start = (channel * map.rows + top + row) * map.columns + left;
      copy(start, start + part.columns, (channel * part.rows + row) * part.columns);
    }
  }
}
