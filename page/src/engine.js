/** The page's end of the worker: questions as promises. */

/** An answer that is a refusal; `code` names its sentence under "errors". */
export class EngineError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export class Engine {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #calls = new Map();
  #count = 0;

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = () => {
      for (const { reject } of this.#calls.values()) reject(new EngineError("no-engine"));
      this.#calls.clear();
    };
  }

  /**
   * Ask the worker.
   *
   * @param {string} type one of the worker's handlers
   * @param {object} content of the message
   * @param {object} listen functions for what is said on the way, by its type
   * @param {Transferable[]} transfer
   * @returns {Promise<any>} the handler's result
   */
  ask(type, content, listen = {}, transfer = []) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, listen });
      this.#worker.postMessage({ id, type, ...content }, transfer);
    });
  }

  #hear({ id, type, ...content }) {
    const call = this.#calls.get(id);
    if (!call) return;
    if (type !== "done" && type !== "failed") {
      call.listen[type]?.(content);
      return;
    }
    this.#calls.delete(id);
    if (type === "done") call.resolve(content.result);
    else call.reject(new EngineError(content.code));
  }
}
