/** Encoder and decoder for images of any size, tile by tile. */

import { channelStatistics } from "./statistics.js";
import {
  STRIDE,
  cropMap,
  emptyMap,
  featureShape,
  pasteMap,
  splitTiles,
  windowPixels,
  windowWithin,
} from "./tiles.js";

// Cells of a tile with its halo: large tiles take more memory, small ones more time for halos. The
// largest map takes 6 kB per cell, and about three are alive at once.
const MAX_CELLS = { wasm: 80 * 80, webgpu: 112 * 112 };

/**
 * @typedef {{size: import("./pixels.js").Size, map: import("./tiles.js").Map,
 *   statistics: import("./statistics.js").Statistics}} Features of an image
 */

export class Networks {
  /**
   * @param {import("./runtime.js").Runtime} runtime
   * @param {{firstPass: number, closeFrom: number, photoShare: number, styleSize: number}} settings
   *   constants of the library; see src/stylizer.js
   * @param {() => Promise<void>} pause awaited after each tile; an error from it aborts the work
   */
  constructor(runtime, settings, pause) {
    Object.assign(this, { runtime, settings, pause });
  }

  /** Return the tiles of an image of this size. */
  tiles(size) {
    return splitTiles(featureShape(size), MAX_CELLS[this.runtime.device.backend]);
  }

  /**
   * Encode an image.
   *
   * @param {import("./pixels.js").Size} size of the image
   * @param {(window: object) => Float32Array} planes returns the planes of the image in a window
   * @param {(share: number) => void} progress called after each tile with its share of the image
   * @returns {Promise<Features>}
   */
  async encode(size, planes, progress = () => {}) {
    const { rows, columns } = featureShape(size);
    let map;
    for (const tile of this.tiles(size)) {
      const window = windowPixels(tile.outer, size);
      const image = {
        channels: 3,
        rows: window.bottom - window.top,
        columns: window.right - window.left,
        data: planes(window),
      };
      const features = await this.runtime.encode(image);
      map ??= emptyMap(features.channels, rows, columns);
      pasteMap(map, tile.inner, cropMap(features, windowWithin(tile.inner, tile.outer)));
      progress(share(tile.inner, { rows, columns }));
      await this.pause();
    }
    return { size, map, statistics: channelStatistics(map.data, map.channels) };
  }

  /**
   * Decode features.
   *
   * @param {Features} features
   * @param {object} transfer scale and shift of each channel
   * @yields {{window: object, planes: Float32Array, share: number}} parts of the image
   */
  async *decode({ size, map }, transfer) {
    for (const tile of this.tiles(size)) {
      const pixels = await this.runtime.decode(cropMap(map, tile.outer), transfer);
      const window = windowPixels(tile.inner, size);
      const inner = windowWithin(window, {
        top: STRIDE * tile.outer.top,
        left: STRIDE * tile.outer.left,
      });
      yield { window, planes: cropMap(pixels, inner).data, share: share(tile.inner, map) };
      await this.pause();
    }
  }
}

function share({ top, bottom, left, right }, { rows, columns }) {
  return ((bottom - top) * (right - left)) / (rows * columns);
}
