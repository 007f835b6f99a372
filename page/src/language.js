/** Texts of the page in the user's language. */

const LANGUAGES = ["en", "ja", "zh"];
const STORED = "language";

let words = {};
const listeners = new Set();

/** @returns {string} the language chosen before, or the first supported one of the browser */
export function preferredLanguage() {
  const wanted = [stored(), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find((tag) => LANGUAGES.includes(tag)) ?? LANGUAGES[0];
}

/** Load a language and show the page in it. */
export async function useLanguage(language) {
  const response = await fetch(new URL(`../locales/${language}.json`, import.meta.url));
  words = await response.json();
  document.documentElement.lang = language;
  document.title = text("title");
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
  for (const listener of listeners) listener();
}

/** Store the user's choice. */
export function storeLanguage(language) {
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // Without storage, the choice lasts until the page is closed.
  }
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** Call a function now and after each change of the language. */
export function translated(listener) {
  listeners.add(listener);
  listener();
}

/** @returns {string} the text of a key, with values for its {gaps}; empty if there is none */
export function text(key, gaps = {}) {
  const found = key.split(".").reduce((part, name) => part?.[name], words);
  const sentence = typeof found === "string" ? found : "";
  return sentence.replace(/\{(\w+)\}/g, (gap, name) => gaps[name] ?? gap);
}
