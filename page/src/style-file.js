/**
 * Style files of the library: safetensors with the mean and standard deviation of each channel.
 *
 * The format: 8 bytes with the header's length, little-endian; the header, JSON that says where
 * each array lies in the bytes that follow it.
 */

const KIND = "adain-style";
const FORMAT_VERSION = 1;

/** What is wrong with a style file: `code` is "style-damaged" or "style-encoder". */
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
 * @param {string} encoder fingerprint of the encoder that it must come from
 * @returns {{name: string, preview: string, statistics: import("./statistics.js").Statistics}}
 *   preview: a data URL of a small picture, empty where there is none
 */
export function readStyleFile(buffer, encoder) {
  const { header, arrays } = parse(buffer);
  const metadata = header.__metadata__ ?? {};
  const [mean, std] = [arrays("mean"), arrays("std")];
  const finite = [...mean, ...std].every(Number.isFinite) && std.every((value) => value >= 0);
  if (metadata.format !== KIND || !(Number(metadata.format_version) <= FORMAT_VERSION) || !finite) {
    throw new StyleFileError("style-damaged");
  }
  if (metadata.encoder !== encoder) throw new StyleFileError("style-encoder");
  return { name: metadata.name ?? "", preview: preview(metadata), statistics: { mean, std } };
}

function parse(buffer) {
  try {
    const length = Number(new DataView(buffer).getBigUint64(0, true));
    const start = 8 + length;
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    const arrays = (name) => {
      const { dtype, data_offsets: offsets } = header[name];
      if (dtype !== "F32") throw new TypeError(dtype);
      // A copy: arrays in the file need not lie at multiples of 4 bytes.
      return new Float32Array(buffer.slice(start + offsets[0], start + offsets[1]));
    };
    if (arrays("mean").length === 0 || arrays("mean").length !== arrays("std").length) {
      throw new RangeError("length");
    }
    return { header, arrays };
  } catch {
    throw new StyleFileError("style-damaged");
  }
}

function preview(metadata) {
  try {
    const [jpeg] = JSON.parse(metadata.ssmd_cover_images);
    return jpeg ? `data:image/jpeg;base64,${jpeg}` : "";
  } catch {
    return "";
  }
}
