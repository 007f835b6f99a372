/** The camera: stylized live, until a photo is taken. */

import { fitShortest } from "./pixels.js";

// Shortest side of live results.
const LIVE = { wasm: 160, webgpu: 320 };

export class Camera {
  #stream = null;
  #facing = "user";
  #result;
  #scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  /**
   * @param {HTMLDialogElement} dialog
   * @param {{stylize: (image: object) => Promise<object>, backend: () => string,
   *   take: (file: File) => void, fail: (code: string) => void}} actions
   */
  constructor(dialog, actions) {
    Object.assign(this, { dialog, actions });
    this.video = dialog.querySelector("video");
    this.#result = dialog.querySelector("canvas").getContext("2d");
    this.turn = dialog.querySelector("#camera-turn");
    dialog.querySelector("#camera-close").onclick = () => dialog.close();
    dialog.querySelector("#camera-take").onclick = () => this.#take();
    this.turn.onclick = () => {
      this.#facing = this.#facing === "user" ? "environment" : "user";
      this.#start();
    };
    dialog.addEventListener("close", () => this.#stop());
  }

  async open() {
    if (await this.#start()) {
      this.dialog.showModal();
      this.#stylize();
    }
  }

  async #start() {
    this.#stop();
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
      this.#stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: this.#facing, width: { ideal: 1920 }, height: { ideal: 1080 } },
      });
      this.video.srcObject = this.#stream;
      await this.video.play();
      const { videoWidth, videoHeight } = this.video;
      this.dialog.style.setProperty("--ratio", videoWidth / videoHeight);
      const devices = await navigator.mediaDevices.enumerateDevices();
      this.turn.hidden = devices.filter(({ kind }) => kind === "videoinput").length < 2;
      // People expect to see themselves as in a mirror.
      this.dialog.classList.toggle("mirrored", this.#facing === "user");
      return true;
    } catch (error) {
      this.dialog.close();
      const codes = { NotAllowedError: "camera-denied", NotFoundError: "no-camera" };
      this.actions.fail(codes[error.name] ?? "camera-busy");
      return false;
    }
  }

  #stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }

  async #stylize() {
    while (this.dialog.open) {
      const full = { width: this.video.videoWidth, height: this.video.videoHeight };
      if (full.width === 0) {
        await new Promise(requestAnimationFrame);
        continue;
      }
      const { width, height } = fitShortest(full, LIVE[this.actions.backend()]);
      const { canvas } = this.#scratch;
      [canvas.width, canvas.height] = [width, height];
      this.#scratch.drawImage(this.video, 0, 0, width, height);
      const { data } = this.#scratch.getImageData(0, 0, width, height);
      try {
        const result = await this.actions.stylize({ width, height, data });
        [this.#result.canvas.width, this.#result.canvas.height] = [width, height];
        this.#result.putImageData(new ImageData(result.data, width, height), 0, 0);
        this.dialog.dataset.live = "true";
      } catch {
        // The camera's own image stays visible.
        return;
      }
    }
  }

  async #take() {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [this.video.videoWidth, this.video.videoHeight];
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    this.dialog.close();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    this.actions.take(new File([blob], "camera.png", { type: blob.type }));
  }
}
