/**
 * Style files of the library: safetensors with the mean and standard deviation of each channel, and
 * usually those of the artwork at twice its size, and its palette.
 *
 * The format: the length of the header in 8 bytes, little-endian; the header in JSON, with the
 * position of each array in the bytes that follow.
 */

const KIND = "adain-style";
const FORMAT_VERSION = 1;

/** A style file cannot be used; `code` is "style-damaged" or "style-encoder". */
export class StyleFileError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/**
 * Read a style file.
 *
 * @param {ArrayBuffer} buffer
 * @param {string} encoder fingerprint of the page's encoder
 * @returns {{name: string, preview: string, statistics: import("./statistics.js").Style}}
 *   preview: a data URL of a thumbnail, or empty
 * @throws {StyleFileError} the file is damaged, or comes from another encoder
 */
export function readStyleFile(buffer, encoder) {
  const { metadata, statistics } = parse(buffer);
  if (
    metadata.format !== KIND ||
    !(Number(metadata.format_version) <= FORMAT_VERSION) ||
    !isValid(statistics)
  ) {
    throw new StyleFileError("style-damaged");
  }
  if (metadata.encoder !== encoder) throw new StyleFileError("style-encoder");
  return { name: metadata.name ?? "", preview: preview(metadata), statistics };
}

function parse(buffer) {
  try {
    const length = Number(new DataView(buffer).getBigUint64(0, true));
    const start = 8 + length;
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    const arrays = (name) => {
      const { dtype, data_offsets: offsets } = header[name];
      if (dtype !== "F32") throw new TypeError(dtype);
      // A copy, as arrays in the file may be unaligned.
      return new Float32Array(buffer.slice(start + offsets[0], start + offsets[1]));
    };
    const pair = (prefix) => ({ mean: arrays(`${prefix}mean`), std: arrays(`${prefix}std`) });
    const statistics = pair("");
    if (header.closeup_mean) statistics.closeup = pair("closeup_");
    if (header.palette_mean) {
      const [mean, covariance] = [arrays("palette_mean"), arrays("palette_covariance")];
      statistics.palette = { mean, covariance };
    }
    return { metadata: header.__metadata__ ?? {}, statistics };
  } catch {
    throw new StyleFileError("style-damaged");
  }
}

/** @returns {boolean} whether all arrays of a style fit together and are finite */
function isValid({ mean, std, closeup = { mean, std }, palette }) {
  const vectors = [mean, std, closeup.mean, closeup.std];
  const colors = palette ? [palette.mean, palette.covariance] : [];
  return (
    mean.length > 0 &&
    vectors.every(({ length }) => length === mean.length) &&
    (!palette || (palette.mean.length === 3 && palette.covariance.length === 9)) &&
    [...vectors, ...colors].every((values) => values.every(Number.isFinite)) &&
    [std, closeup.std].every((values) => values.every((value) => value >= 0))
  );
}

function preview(metadata) {
  try {
    const [jpeg] = JSON.parse(metadata.ssmd_cover_images);
    return jpeg ? `data:image/jpeg;base64,${jpeg}` : "";
  } catch {
    return "";
  }
}
