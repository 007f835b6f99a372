/** Scheduling: one run at a time, with the latest options. */

/**
 * @typedef {{part: (part: object, window: object, last: boolean) => void,
 *   progress: (share: number) => void, finish: (milliseconds: number) => void,
 *   fail: (error: Error) => void}} Listener
 */

export class Scheduler {
  #running = null;
  #next = null;

  /**
   * @param {import("./engine.js").Engine} engine
   * @param {() => Promise<import("./stylizer.js").StylizeOptions>} options read when a run starts
   * @param {Listener} listener
   */
  constructor(engine, options, listener) {
    Object.assign(this, { engine, options, listener });
  }

  /**
   * Stylize the photo again.
   *
   * @param {{quick: boolean}} how quick: only the first pass, while a slider moves. A quick run
   *   finishes before the next one starts, so that something is shown; any other run is replaced
   *   by the next one.
   */
  async request({ quick = false } = {}) {
    this.#next = { quick };
    if (!quick) this.listener.progress(0);
    if (this.#running?.quick) return;
    while (this.#next) {
      const run = this.#next;
      [this.#running, this.#next] = [run, null];
      await this.#stylize(run);
      if (this.#running !== run) return;
      this.#running = null;
    }
  }

  /** Ignore further results of the current run. */
  stop() {
    [this.#running, this.#next] = [null, null];
  }

  async #stylize(run) {
    const ifCurrent = (call) => (content) => this.#running === run && call(content);
    const { part, progress, finish, fail } = this.listener;
    try {
      const options = await this.options();
      const { milliseconds } = await this.engine.call(
        "stylize",
        { options, quick: run.quick },
        {
          progress: ifCurrent(({ share }) => run.quick || progress(share)),
          part: ifCurrent(({ part: pixels, window, last }) => part(pixels, window, last)),
        },
      );
      if (!run.quick) ifCurrent(finish)(milliseconds);
    } catch (error) {
      if (error.code !== "cancelled") ifCurrent(fail)(error);
    }
  }
}
