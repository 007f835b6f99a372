/**
 * Parts of an image that the networks see one at a time, so that memory is bounded by the part.
 * The result is that of the whole: statistics are taken on the whole map, and each part is seen
 * with a halo as wide as the networks' field of view.
 *
 * A cell is a feature, or its 8x8 pixels; windows here are in cells.
 *
 * @typedef {{top: number, bottom: number, left: number, right: number}} Window
 * @typedef {{channels: number, rows: number, columns: number, data: Float32Array}} Map channel
 *   after channel, row after row
 */

export const STRIDE = 8;
// A feature sees 30 pixels beyond its own, a pixel 3.75 features.
const HALO_CELLS = 4;
// Smaller images are enlarged within the encoder's graph.
const SMALLEST_SIDE = 9;

/** @returns {{rows: number, columns: number}} of the features of an image of this size */
export function featureShape({ width, height }) {
  const cells = (length) => Math.ceil(Math.max(length, SMALLEST_SIDE) / STRIDE);
  return { rows: cells(height), columns: cells(width) };
}

/**
 * Split a map into tiles, so that the halos are as little work as can be.
 *
 * @param {{rows: number, columns: number}} shape of the map
 * @param {number} most cells of a tile with its halo
 * @returns {{inner: Window, outer: Window}[]} what a tile is, and what is seen of it; all outer
 *   windows have one shape, for which a device prepares its kernels once
 */
export function splitTiles({ rows, columns }, most) {
  let best = null;
  for (let down = 1; down <= rows; down++) {
    const height = seen(rows, down);
    // As few across as fit: more would be more halo.
    let across = 1;
    while (height * seen(columns, across) > most && across < columns) across++;
    const [cells, work] = [height * seen(columns, across), down * across];
    if (cells > most && best) break;
    if (!best || cells * work < best.cost) best = { down, across, cost: cells * work };
  }
  return spans(rows, best.down).flatMap(([top, bottom, first, last]) =>
    spans(columns, best.across).map(([left, right, start, end]) => ({
      inner: { top, bottom, left, right },
      outer: { top: first, bottom: last, left: start, right: end },
    })),
  );
}

/** How much is seen of the longest of `count` parts of a side. */
function seen(length, count) {
  return Math.min(Math.ceil(length / count) + 2 * HALO_CELLS, length);
}

function spans(length, count) {
  const edge = (number) => Math.floor((length * number) / count);
  return Array.from({ length: count }, (_, number) => {
    const [start, stop] = [edge(number), edge(number + 1)];
    const first = Math.min(Math.max(0, start - HALO_CELLS), length - seen(length, count));
    return [start, stop, first, first + seen(length, count)];
  });
}

/** @returns {Window} a window in another's coordinates */
export function windowWithin(inner, outer) {
  return {
    top: inner.top - outer.top,
    bottom: inner.bottom - outer.top,
    left: inner.left - outer.left,
    right: inner.right - outer.left,
  };
}

/** @returns {Window} a window of cells in pixels, cut off where the image ends */
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
