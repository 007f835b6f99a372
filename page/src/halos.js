/**
 * Halos, taken out of what a first pass changed, as adain_core/halos.py does it: a guided filter
 * makes the coarse part of the change follow the photo, and leaves the strokes alone.
 */

// Side of a cell, pixels; in cells, radius of the mean that no stroke survives, and of the ground
// that has one tone; variance of the photo's brightness from which an edge separates tones.
const [CELL, STROKE, GROUND, EDGE] = [4, 2, 24, 0.01];

/**
 * @param {Float32Array} change planes of a drawn picture less the photo
 * @param {Float32Array} photo planes
 * @param {import("./pixels.js").Size} size
 * @returns {Float32Array} the change, of one tone wherever the photo has one, nearby
 */
export function removeHalos(change, photo, size) {
  const area = size.width * size.height;
  const guide = new Float32Array(area);
  for (let i = 0; i < area; i++) guide[i] = (photo[i] + photo[i + area] + photo[i + 2 * area]) / 3;
  const brightness = cells(guide, size);
  const center = mean(brightness, GROUND);
  const variance = mean(combine((b) => b * b, brightness), GROUND);
  const even = new Float32Array(3 * area);
  for (let plane = 0; plane < 3; plane++) {
    const values = change.subarray(plane * area, (plane + 1) * area);
    const tone = mean(cells(values, size), STROKE);
    const average = mean(tone, GROUND);
    const product = mean(combine((b, t) => b * t, brightness, tone), GROUND);
    const slope = combine(
      (p, c, a, v) => (p - c * a) / (Math.max(0, v - c * c) + EDGE),
      product,
      center,
      average,
      variance,
    );
    const offset = combine((a, s, c) => a - s * c, average, slope, center);
    const [slopes, offsets, tones] = [mean(slope, GROUND), mean(offset, GROUND), tone].map((map) =>
      pixels(map, size),
    );
    for (let i = 0; i < area; i++) {
      even[plane * area + i] = values[i] - tones[i] + slopes[i] * guide[i] + offsets[i];
    }
  }
  return even;
}

function combine(value, ...maps) {
  const data = maps[0].data.map((_, i) => value(...maps.map((map) => map.data[i])));
  return { ...maps[0], data };
}

/** Means of cells, at the right and the bottom of what is there. */
function cells(plane, { width, height }) {
  const [columns, rows] = [Math.ceil(width / CELL), Math.ceil(height / CELL)];
  const data = new Float64Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [bottom, right] = [
        Math.min(height, (row + 1) * CELL),
        Math.min(width, (column + 1) * CELL),
      ];
      let sum = 0;
      for (let y = row * CELL; y < bottom; y++) {
        for (let x = column * CELL; x < right; x++) sum += plane[y * width + x];
      }
      data[row * columns + column] = sum / ((bottom - row * CELL) * (right - column * CELL));
    }
  }
  return { columns, rows, data };
}

/** The mean over a square around each cell, reflected at the border. */
function mean({ columns, rows, data }, radius) {
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

/** Cells as pixels, bilinear. */
function pixels({ columns, rows, data }, { width, height }) {
  const result = new Float32Array(width * height);
  const place = (pixel, count) => {
    const middle = Math.max(0, (pixel + 0.5) / CELL - 0.5);
    const first = Math.min(count - 1, Math.floor(middle));
    return [first, Math.min(count - 1, first + 1), middle - first];
  };
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = place(y, rows);
    for (let x = 0; x < width; x++) {
      const [left, right, across] = place(x, columns);
      const [above, below] = [top, bottom].map(
        (row) => (1 - across) * data[row * columns + left] + across * data[row * columns + right],
      );
      result[y * width + x] = (1 - down) * above + down * below;
    }
  }
  return result;
}
