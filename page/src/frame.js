/** The image on the wall: the photo, the painting over it, and the seam between the two. */

const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const REST = 28;
const REVEAL_MILLISECONDS = 1400;

export class Frame {
  #context;
  #scratch = document.createElement("canvas").getContext("2d");
  #moved = false;
  #empty = true;

  /** @param {HTMLElement} element the frame, with its photo, painting and split */
  constructor(element) {
    this.element = element;
    this.photo = element.querySelector("img");
    this.painting = element.querySelector("canvas");
    this.split = element.querySelector("input");
    this.#context = this.painting.getContext("2d", { willReadFrequently: true });
    this.split.addEventListener("input", () => {
      this.#moved = true;
      this.#place(this.split.valueAsNumber);
    });
    this.#place(100);
  }

  get size() {
    return { width: this.painting.width, height: this.painting.height };
  }

  /** Hang another photo, not painted yet. */
  hang(source, { width, height }) {
    this.photo.src = source;
    this.resize({ width, height });
    this.#empty = true;
    this.#place(100);
  }

  /** Change the painting's pixels; what is drawn stays, scaled. */
  resize({ width, height }) {
    this.element.style.setProperty("--ratio", width / height);
    const { canvas } = this.#scratch;
    [canvas.width, canvas.height] = [this.painting.width, this.painting.height];
    this.#scratch.drawImage(this.painting, 0, 0);
    [this.painting.width, this.painting.height] = [width, height];
    this.#context.drawImage(canvas, 0, 0, width, height);
  }

  /** Show a painting that is finished already. */
  async showImage(source) {
    const image = new Image();
    image.src = source;
    await image.decode();
    this.#context.drawImage(image, 0, 0, this.painting.width, this.painting.height);
    this.#reveal();
  }

  /**
   * Show a part of the painting.
   *
   * @param {{width: number, height: number, data: Uint8ClampedArray}} part
   * @param {{top: number, left: number}} window where it lies
   * @param {boolean} last whether it has the painting's own size; else it is a whole, enlarged
   */
  show(part, { top, left }, last) {
    const pixels = new ImageData(part.data, part.width, part.height);
    if (last) {
      this.#context.putImageData(pixels, left, top);
    } else {
      const { canvas } = this.#scratch;
      [canvas.width, canvas.height] = [part.width, part.height];
      this.#scratch.putImageData(pixels, 0, 0);
      this.#context.imageSmoothingQuality = "high";
      this.#context.drawImage(canvas, 0, 0, this.painting.width, this.painting.height);
    }
    this.#reveal();
  }

  /** @returns {Promise<Blob>} the painting as PNG */
  png() {
    return new Promise((resolve) => this.painting.toBlob(resolve, "image/png"));
  }

  /** Draw the seam across the image, once for each photo. */
  #reveal() {
    if (!this.#empty) return;
    this.#empty = false;
    const rest = this.#moved ? this.split.valueAsNumber : REST;
    if (CALM.matches) {
      this.#place(rest);
      return;
    }
    const started = performance.now();
    const step = (now) => {
      const time = Math.min(1, Math.max(0, now - started) / REVEAL_MILLISECONDS);
      const eased = 1 - (1 - time) ** 3;
      // Whoever takes the seam meanwhile has it.
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
