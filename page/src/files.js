/** Files that the user chooses, pastes or drops. */

const STYLE_FILE = /\.safetensors$/i;

/**
 * @param {HTMLInputElement} input
 * @param {(files: File[]) => void} use
 */
export function acceptChosen(input, use) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    // So that the same file can be chosen again.
    input.value = "";
    if (files.length) use(files);
  });
}

/** @param {(file: File) => void} use */
export function acceptPasted(use) {
  addEventListener("paste", ({ clipboardData }) => {
    const [file] = clipboardData.files;
    if (file) use(file);
  });
}

/**
 * @param {HTMLElement} overlay shown while files are dragged over the page; `data-drop` of its
 *   parts is "photo" or "artwork"
 * @param {{photo: (file: File) => void, artworks: (files: File[]) => void}} use
 */
export function acceptDropped(overlay, use) {
  const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (hasFiles(event)) overlay.hidden = false;
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  overlay.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) overlay.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    overlay.hidden = true;
    const files = [...event.dataTransfer.files];
    const place = event.target.closest?.("[data-drop]")?.dataset.drop;
    const styles = files.every(({ name }) => STYLE_FILE.test(name));
    if (place === "artwork" || styles) use.artworks(files);
    else use.photo(files[0]);
  });
}
