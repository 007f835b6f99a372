/** Comparison of the photo and the result: one over the other, with a divider in between. */

const REDUCED_MOTION = matchMedia("(prefers-reduced-motion: reduce)");
// Where the divider comes to rest, percent of the width.
const REST = 28;
const REVEAL_MILLISECONDS = 1400;

export class Comparison {
  #context;
  #scratch = document.createElement("canvas").getContext("2d");
  #moved = false;
  #empty = true;

  /** @param {HTMLElement} element with the photo, the result and the slider */
  constructor(element) {
    this.element = element;
    this.photo = element.querySelector("img");
    this.result = element.querySelector("canvas");
    this.split = element.querySelector("input");
    this.#context = this.result.getContext("2d", { willReadFrequently: true });
    this.split.addEventListener("input", () => {
      this.#moved = true;
      this.#place(this.split.valueAsNumber);
    });
    this.#place(100);
  }

  get size() {
    return { width: this.result.width, height: this.result.height };
  }

  /** Show another photo, without a result. */
  showPhoto(source, { width, height }) {
    this.photo.src = source;
    this.resize({ width, height });
    this.#empty = true;
    this.#place(100);
  }

  /** Resize the result; its pixels are scaled. */
  resize({ width, height }) {
    this.element.style.setProperty("--ratio", width / height);
    const { canvas } = this.#scratch;
    [canvas.width, canvas.height] = [this.result.width, this.result.height];
    this.#scratch.drawImage(this.result, 0, 0);
    [this.result.width, this.result.height] = [width, height];
    this.#context.drawImage(canvas, 0, 0, width, height);
  }

  /** Show a finished result from an image file. */
  async showFile(source) {
    const image = new Image();
    image.src = source;
    await image.decode();
    this.#context.drawImage(image, 0, 0, this.result.width, this.result.height);
    this.#reveal();
  }

  /**
   * Show a part of the result.
   *
   * @param {{width: number, height: number, data: Uint8ClampedArray}} part
   * @param {{top: number, left: number}} window its place
   * @param {boolean} last whether it comes from the last pass; otherwise it is a whole smaller
   *   result, which is enlarged
   */
  showPart(part, { top, left }, last) {
    const pixels = new ImageData(part.data, part.width, part.height);
    if (last) {
      this.#context.putImageData(pixels, left, top);
    } else {
      const { canvas } = this.#scratch;
      [canvas.width, canvas.height] = [part.width, part.height];
      this.#scratch.putImageData(pixels, 0, 0);
      this.#context.imageSmoothingQuality = "high";
      this.#context.drawImage(canvas, 0, 0, this.result.width, this.result.height);
    }
    this.#reveal();
  }

  /** @returns {Promise<Blob>} the result as PNG */
  png() {
    return new Promise((resolve) => this.result.toBlob(resolve, "image/png"));
  }

  /** Move the divider across the image, once for each photo. */
  #reveal() {
    if (!this.#empty) return;
    this.#empty = false;
    const rest = this.#moved ? this.split.valueAsNumber : REST;
    if (REDUCED_MOTION.matches) {
      this.#place(rest);
      return;
    }
    const started = performance.now();
    const step = (now) => {
      const time = Math.min(1, Math.max(0, now - started) / REVEAL_MILLISECONDS);
      const eased = 1 - (1 - time) ** 3;
      // The user may move the divider meanwhile.
      if (this.#empty || (this.#moved && rest === REST)) return;
      this.#place(100 + (rest - 100) * eased);
      if (time < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  #place(share) {
    this.split.value = share;
    this.element.style.setProperty("--split", `${share}%`);
  }
}
