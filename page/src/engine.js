/** The page's interface to the worker: calls that return promises. */

/** A call failed; `code` is the key of its message under "errors". */
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
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = () => {
      for (const { reject } of this.#calls.values()) reject(new EngineError("no-engine"));
      this.#calls.clear();
    };
  }

  /**
   * Call a handler of the worker.
   *
   * @param {string} type name of the handler
   * @param {object} content of the message
   * @param {object} listeners functions for messages before the result, by their type
   * @param {Transferable[]} transfer
   * @returns {Promise<any>} the handler's result
   */
  call(type, content, listeners = {}, transfer = []) {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, listeners });
      this.#worker.postMessage({ id, type, ...content }, transfer);
    });
  }

  #receive({ id, type, ...content }) {
    const call = this.#calls.get(id);
    if (!call) return;
    if (type !== "done" && type !== "failed") {
      call.listeners[type]?.(content);
      return;
    }
    this.#calls.delete(id);
    if (type === "done") call.resolve(content.result);
    else call.reject(new EngineError(content.code));
  }
}
