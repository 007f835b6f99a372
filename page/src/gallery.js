/** The artworks: those of the page by their images, and what a person adds. */

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
   * @param {HTMLElement[]} lists where the artworks are shown, one radio group each
   * @param {string} encoder fingerprint of the page's encoder
   */
  constructor(lists, encoder) {
    this.#lists = lists;
    this.encoder = encoder;
  }

  /** Add an artwork of the page. */
  addShipped({ id, thumbnail, file }) {
    const load = async () => readStyleFile(await download(file), this.encoder).statistics;
    this.#add({ id, thumbnail, own: false, name: id, statistics: once(load) });
  }

  /**
   * Add a style file, or an image that `encode` takes the style of.
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

  /** Choose an artwork of a list, as a person would; the page hears of it. */
  choose(list, id) {
    const radio = this.#lists[list].querySelector(`input[value="${CSS.escape(id)}"]`);
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    radio.closest("label").scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @returns {string} id of what a list has chosen */
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

  /** @returns {string} who made it, and when */
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
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
  return answer.arrayBuffer();
}

/** Call a function once, or again where it failed. */
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
