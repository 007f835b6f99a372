/** What the page says: the label beside the image, how far a drawing is, what went wrong. */

import { text } from "./language.js";

const element = (id) => document.getElementById(id);

/** @returns {string} a share of 0..1 as people write it */
export function percent(share) {
  return share.toLocaleString(document.documentElement.lang, { style: "percent" });
}

/** Show how much of a drawing is done; `null` where none goes on. */
export function showProgress(share) {
  const frame = element("frame");
  frame.setAttribute("aria-busy", String(share !== null));
  frame.style.setProperty("--progress", share ?? 0);
  if (share !== null) showStatus(text("drawing", { percent: percent(share) }), false);
}

/** Show a line under the image; a final one is read aloud, too. */
export function showStatus(sentence, final = true) {
  element("status").textContent = sentence;
  if (final) element("spoken").textContent = sentence;
}

/** Say that something did not go as wished. */
export function showNotice(sentence) {
  element("notice-text").textContent = sentence;
  element("notice").hidden = false;
}

export function hideNotice() {
  element("notice").hidden = true;
}

/**
 * Say what went wrong.
 *
 * @param {Error & {code?: string}} error whose code has a sentence under "errors"
 * @param {string} name of the file that it is about
 */
export function showError(error, name = "") {
  if (!error.code) console.error(error);
  showNotice(text(`errors.${error.code}`, { name }) || text("errors.failed"));
}
