/** When to draw what: one drawing at a time, the newest wish first. */

/**
 * @typedef {{part: (part: object, window: object, last: boolean) => void,
 *   progress: (share: number) => void, finish: (milliseconds: number) => void,
 *   fail: (error: Error) => void}} Listener
 */

export class Drawing {
  #running = null;
  #wanted = null;

  /**
   * @param {import("./engine.js").Engine} engine
   * @param {() => Promise<import("./stylizer.js").Look>} look what is wished for when it begins
   * @param {Listener} listener
   */
  constructor(engine, look, listener) {
    Object.assign(this, { engine, look, listener });
  }

  /**
   * Draw the photo anew.
   *
   * @param {{quick: boolean}} how quick, while a slider moves: the first pass alone, which is let
   *   finish, or nothing would be seen; any other drawing makes way for a new one
   */
  async request({ quick = false } = {}) {
    this.#wanted = { quick };
    if (!quick) this.listener.progress(0);
    if (this.#running?.quick) return;
    while (this.#wanted) {
      const mine = this.#wanted;
      [this.#running, this.#wanted] = [mine, null];
      await this.#draw(mine);
      if (this.#running !== mine) return;
      this.#running = null;
    }
  }

  /** Show nothing more of what is being drawn. */
  stop() {
    [this.#running, this.#wanted] = [null, null];
  }

  async #draw(mine) {
    const current = (say) => (content) => this.#running === mine && say(content);
    const { part, progress, finish, fail } = this.listener;
    try {
      const look = await this.look();
      const { milliseconds } = await this.engine.ask(
        "draw",
        { look, quick: mine.quick },
        {
          progress: current(({ share }) => mine.quick || progress(share)),
          part: current(({ part: pixels, window, last }) => part(pixels, window, last)),
        },
      );
      if (!mine.quick) current(finish)(milliseconds);
    } catch (error) {
      if (error.code !== "cancelled") current(fail)(error);
    }
  }
}
