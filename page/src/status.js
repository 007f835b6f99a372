/** The status line, the progress bar, and notices. */

import { text } from "./language.js";

const element = (id) => document.getElementById(id);

/** @returns {string} a share of 0..1 in percent, as written in the page's language */
export function percent(share) {
  return share.toLocaleString(document.documentElement.lang, { style: "percent" });
}

/** Show how much of the result is finished; `null`: nothing is running. */
export function showProgress(share) {
  const comparison = element("comparison");
  comparison.setAttribute("aria-busy", String(share !== null));
  comparison.style.setProperty("--progress", share ?? 0);
  if (share !== null) showStatus(text("stylizing", { percent: percent(share) }), false);
}

/** Show a line under the image; screen readers also read a final one. */
export function showStatus(sentence, final = true) {
  element("status").textContent = sentence;
  if (final) element("spoken").textContent = sentence;
}

/** Show a notice, which stays until it is dismissed. */
export function showNotice(sentence) {
  element("notice-text").textContent = sentence;
  element("notice").hidden = false;
}

export function hideNotice() {
  element("notice").hidden = true;
}

/**
 * Show a notice for an error.
 *
 * @param {Error & {code?: string}} error with the key of its message under "errors"
 * @param {string} name of the file that caused it
 */
export function showError(error, name = "") {
  if (!error.code) console.error(error);
  showNotice(text(`errors.${error.code}`, { name }) || text("errors.failed"));
}
