/** The artworks: bundled ones, and those that the user adds. */

import { readStyleFile } from "./style-file.js";
import { text, translated } from "./language.js";

/**
 * @typedef {{id: string, thumbnail: string, own: boolean, name: string,
 *   statistics: () => Promise<import("./statistics.js").Statistics>}} Artwork
 */

export class Gallery {
  /** @type {Map<string, Artwork>} */
  #artworks = new Map();
  #lists;

  /**
   * @param {HTMLElement[]} lists elements that show the artworks, one radio group each
   * @param {string} encoder fingerprint of the page's encoder
   */
  constructor(lists, encoder) {
    this.#lists = lists;
    this.encoder = encoder;
  }

  /** Add a bundled artwork. */
  addBundled({ id, thumbnail, file }) {
    const load = async () => readStyleFile(await download(file), this.encoder).statistics;
    this.#add({ id, thumbnail, own: false, name: id, statistics: once(load) });
  }

  /**
   * Add an artwork of the user: a style file, or an image, which `encode` encodes.
   *
   * @returns {Promise<string>} its id
   */
  async addOwn(file, encode) {
    const id = `own-${this.#artworks.size}`;
    const name = file.name.replace(/\.[^.]*$/, "");
    if (/\.safetensors$/i.test(file.name)) {
      const style = readStyleFile(await file.arrayBuffer(), this.encoder);
      const statistics = async () => style.statistics;
      const thumbnail = style.preview || "icons/style.svg";
      this.#add({ id, thumbnail, own: true, name: style.name || name, statistics });
    } else {
      const found = await encode(file);
      const thumbnail = URL.createObjectURL(file);
      this.#add({ id, thumbnail, own: true, name, statistics: async () => found });
    }
    return id;
  }

  /** Choose an artwork of a list, with the same events as a click. */
  choose(list, id) {
    const radio = this.#lists[list].querySelector(`input[value="${CSS.escape(id)}"]`);
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    radio.closest("label").scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @returns {string} the id of the chosen artwork of a list */
  chosen(list) {
    return this.#lists[list].querySelector("input:checked").value;
  }

  statistics(id) {
    return this.#artworks.get(id).statistics();
  }

  /** @returns {string} */
  title(id) {
    const { own, name } = this.#artworks.get(id);
    return (!own && text(`artworks.${id}.title`)) || readable(name);
  }

  /** @returns {string} the artist and the year */
  origin(id) {
    return this.#artworks.get(id).own ? text("yourArtwork") : text(`artworks.${id}.by`);
  }

  #add(artwork) {
    this.#artworks.set(artwork.id, artwork);
    for (const [number, list] of this.#lists.entries()) {
      const label = document.createElement("label");
      label.className = "artwork";
      const radio = document.createElement("input");
      Object.assign(radio, { type: "radio", name: `artwork-${number}`, value: artwork.id });
      const image = document.createElement("img");
      Object.assign(image, { src: artwork.thumbnail, width: 120, height: 120, decoding: "async" });
      label.append(radio, image);
      const name = () => {
        image.alt = this.title(artwork.id);
        label.title = image.alt;
      };
      translated(name);
      list.append(label);
    }
  }
}

async function download(file) {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  return response.arrayBuffer();
}

/** Return a function that loads once, and again after a failure. */
function once(load) {
  let promise;
  return () => (promise ??= load().catch((error) => {
    promise = undefined;
    throw error;
  }));
}

function readable(name) {
  const words = name.replace(/[-_]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
