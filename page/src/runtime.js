/**
 * onnxruntime-web, in the build that fits the browser: WebGPU if there is a GPU, otherwise
 * WebAssembly on the CPU.
 */

// Each build has its own WebAssembly file; a browser downloads one of them.
const WASM = { name: "wasm", provider: "wasm", script: "ort.wasm.min.mjs" };
const WEBGPU = { name: "webgpu", provider: "webgpu", script: "ort.webgpu.min.mjs" };
// A third smaller, for browsers whose WebAssembly can wait for promises (JSPI).
const WEBGPU_JSPI = { ...WEBGPU, script: "ort.jspi.min.mjs" };
const MAX_THREADS = 8;

/**
 * Load the runtime and both networks.
 *
 * @param {URL} root of the page
 * @param {{runtime: string, networks: {encoder: string, decoder: string}}} files paths relative to it
 * @param {boolean} allowGpu
 * @returns {Promise<Runtime>}
 */
export async function openRuntime(root, files, allowGpu = true) {
  const onGpu = allowGpu && (await hasGpu());
  const gpu = "Suspending" in WebAssembly ? WEBGPU_JSPI : WEBGPU;
  for (const build of onGpu ? [gpu, WASM] : [WASM]) {
    try {
      return await openBuild(root, files, build);
    } catch (error) {
      if (build === WASM) throw error;
      console.warn("WebGPU failed; using WebAssembly:", error);
    }
  }
}

/** Return whether there is a GPU; a software adapter is slower than WebAssembly. */
async function hasGpu() {
  try {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  } catch {
    return false;
  }
}

async function openBuild(root, files, { name, provider, script }) {
  const folder = new URL(files.runtime, root);
  const ort = await import(new URL(script, folder).href);
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = folder.href;
  // Threads share memory, which browsers allow only on cross-origin isolated pages.
  ort.env.wasm.numThreads = self.crossOriginIsolated ? threadCount() : 1;
  const options = { executionProviders: [provider] };
  const open = (file) => ort.InferenceSession.create(new URL(file, root).href, options);
  // One after the other, as the first starts the runtime.
  const encoder = await open(files.networks.encoder);
  const decoder = await open(files.networks.decoder);
  return new Runtime(ort, encoder, decoder, { backend: name, threads: ort.env.wasm.numThreads });
}

/** Return half of the logical cores, as the others are virtual or slow; all of one or two. */
function threadCount() {
  const cores = navigator.hardwareConcurrency || 1;
  return cores <= 2 ? cores : Math.min(MAX_THREADS, Math.ceil(cores / 2));
}

/** The two networks, as functions on maps. */
class Runtime {
  #last = Promise.resolve();

  constructor(ort, encoder, decoder, device) {
    Object.assign(this, { ort, encoder, decoder, device });
  }

  /**
   * @param {import("./tiles.js").Map} image 3 channels in 0..1
   * @returns {Promise<import("./tiles.js").Map>} features
   */
  async encode(image) {
    const { features } = await this.#run(this.encoder, { images: this.#tensor(image) });
    return this.#map(features);
  }

  /**
   * @param {import("./tiles.js").Map} features
   * @param {{scale: Float32Array, shift: Float32Array}} transfer
   * @returns {Promise<import("./tiles.js").Map>} 3 channels in 0..1
   */
  async decode(features, { scale, shift }) {
    const vector = (data) => this.#tensor({ channels: data.length, rows: 1, columns: 1, data });
    const { images } = await this.#run(this.decoder, {
      features: this.#tensor(features),
      scale: vector(scale),
      shift: vector(shift),
    });
    return this.#map(images);
  }

  async close() {
    await Promise.allSettled([this.encoder.release(), this.decoder.release()]);
  }

  /** Run sessions one at a time, as WebGPU requires. */
  #run(session, inputs) {
    const run = this.#last.then(() => session.run(inputs));
    this.#last = run.catch(() => {});
    return run;
  }

  #tensor({ channels, rows, columns, data }) {
    return new this.ort.Tensor("float32", data, [1, channels, rows, columns]);
  }

  #map({ dims, data }) {
    const [, channels, rows, columns] = dims;
    return { channels, rows, columns, data };
  }
}
