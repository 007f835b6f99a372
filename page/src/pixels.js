/**
 * Images as arrays. An image is RGBA in 8 bits; the networks take planes: red, green and blue, one
 * after the other, floats in 0..1.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{top: number, bottom: number, left: number, right: number}} Window
 * @typedef {{width: number, height: number, data: Uint8ClampedArray}} Image
 */

// Rows that are resized at a time, as floats.
const BAND = 64;

/** @returns {Image} opaque white */
export function emptyImage({ width, height }) {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  return { width, height, data };
}

/** @returns {Window} all of an image of this size */
export function whole({ width, height }) {
  return { top: 0, bottom: height, left: 0, right: width };
}

/** @returns {Size} the size with this shortest side; the longer side is rounded down */
export function fitShortest({ width, height }, shortest) {
  const short = Math.min(width, height);
  return {
    width: Math.floor((shortest * width) / short),
    height: Math.floor((shortest * height) / short),
  };
}

/** @returns {Size} the size, reduced if its longer side exceeds a limit */
export function fitLongest({ width, height }, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

/** @returns {Float32Array} the planes of an image in a window */
export function readPlanes(image, { top, bottom, left, right }) {
  const [width, area] = [right - left, (bottom - top) * (right - left)];
  const planes = new Float32Array(3 * area);
  for (let y = top; y < bottom; y++) {
    let from = 4 * (y * image.width + left);
    let to = (y - top) * width;
    for (let x = 0; x < width; x++, from += 4, to++) {
      planes[to] = image.data[from] / 255;
      planes[to + area] = image.data[from + 1] / 255;
      planes[to + 2 * area] = image.data[from + 2] / 255;
    }
  }
  return planes;
}

/** Write planes into a window of an image, clamped and rounded. */
export function writePlanes(image, { top, bottom, left, right }, planes) {
  const [width, area] = [right - left, (bottom - top) * (right - left)];
  for (let y = top; y < bottom; y++) {
    let to = 4 * (y * image.width + left);
    let from = (y - top) * width;
    for (let x = 0; x < width; x++, from++, to += 4) {
      image.data[to] = 255 * planes[from];
      image.data[to + 1] = 255 * planes[from + area];
      image.data[to + 2] = 255 * planes[from + 2 * area];
    }
  }
}

/** @returns {Image} a copy of a window of an image */
export function cropImage(image, { top, bottom, left, right }) {
  const part = emptyImage({ width: right - left, height: bottom - top });
  for (let y = top; y < bottom; y++) {
    const start = 4 * (y * image.width + left);
    const row = image.data.subarray(start, start + 4 * part.width);
    part.data.set(row, 4 * (y - top) * part.width);
  }
  return part;
}

/** @returns {Image} an image at another size; the same object if it has that size */
export function resize(image, size) {
  if (image.width === size.width && image.height === size.height) return image;
  const resized = emptyImage(size);
  for (let top = 0; top < size.height; top += BAND) {
    const window = { ...whole(size), top, bottom: Math.min(size.height, top + BAND) };
    writePlanes(resized, window, resizedPlanes(image, size, window));
  }
  return resized;
}

/**
 * Resize an image with the triangle filter of the library (bilinear, antialiased).
 *
 * @param {Image} image
 * @param {Size} size of the whole result
 * @param {Window} window the part of the result to return
 * @returns {Float32Array} planes of the part
 */
export function resizedPlanes(image, size, window = whole(size)) {
  const columns = filterTaps(image.width, size.width, window.left, window.right);
  const rows = filterTaps(image.height, size.height, window.top, window.bottom);
  const [width, height] = [window.right - window.left, window.bottom - window.top];
  const first = rows.starts[0];
  const count = rows.starts[height - 1] + rows.taps - first;
  const narrow = new Float32Array(3 * count * width);
  for (let y = 0; y < count; y++) {
    const line = 4 * Math.min(first + y, image.height - 1) * image.width;
    for (let x = 0; x < width; x++) {
      let [red, green, blue] = [0, 0, 0];
      let from = line + 4 * columns.starts[x];
      for (let tap = 0; tap < columns.taps; tap++, from += 4) {
        const weight = columns.weights[x * columns.taps + tap];
        if (weight === 0) continue;
        red += weight * image.data[from];
        green += weight * image.data[from + 1];
        blue += weight * image.data[from + 2];
      }
      const to = y * width + x;
      narrow[to] = red / 255;
      narrow[to + count * width] = green / 255;
      narrow[to + 2 * count * width] = blue / 255;
    }
  }
  const planes = new Float32Array(3 * height * width);
  for (let plane = 0; plane < 3; plane++) {
    for (let y = 0; y < height; y++) {
      const target = planes.subarray((plane * height + y) * width, (plane * height + y + 1) * width);
      for (let tap = 0; tap < rows.taps; tap++) {
        const weight = rows.weights[y * rows.taps + tap];
        if (weight === 0) continue;
        const from = (plane * count + rows.starts[y] - first + tap) * width;
        for (let x = 0; x < width; x++) target[x] += weight * narrow[from + x];
      }
    }
  }
  return planes;
}

/** Return the first source pixel of each pixel of a resized line, and the weights from there. */
function filterTaps(source, length, start, stop) {
  const scale = source / length;
  const reach = Math.max(scale, 1);
  const taps = Math.min(source, Math.floor(2 * reach) + 2);
  const starts = new Int32Array(stop - start);
  const weights = new Float32Array((stop - start) * taps);
  for (let index = 0; index < stop - start; index++) {
    const center = (start + index + 0.5) * scale;
    // The taps lie within the source; those added at one end have weight 0.
    const first = Math.min(Math.max(Math.floor(center - reach), 0), source - taps);
    starts[index] = first;
    let total = 0;
    for (let tap = 0; tap < taps; tap++) {
      total += Math.max(0, 1 - Math.abs(first + tap + 0.5 - center) / reach);
    }
    for (let tap = 0; tap < taps; tap++) {
      const weight = Math.max(0, 1 - Math.abs(first + tap + 0.5 - center) / reach);
      weights[index * taps + tap] = weight / total;
    }
  }
  return { taps, starts, weights };
}

/**
 * Give planes the chrominance of others of the same size, in place. They keep their brightness (Y
 * of YIQ, Rec. 601). Y is the axis of gray, so the difference in brightness is the same for red,
 * green and blue.
 */
export function takeChrominance(planes, reference) {
  const area = planes.length / 3;
  const clamp = (value) => Math.min(1, Math.max(0, value));
  for (let red = 0; red < area; red++) {
    const [green, blue] = [red + area, red + 2 * area];
    const brighter =
      0.299 * (clamp(planes[red]) - reference[red]) +
      0.587 * (clamp(planes[green]) - reference[green]) +
      0.114 * (clamp(planes[blue]) - reference[blue]);
    planes[red] = reference[red] + brighter;
    planes[green] = reference[green] + brighter;
    planes[blue] = reference[blue] + brighter;
  }
}
