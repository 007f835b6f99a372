/** The page's words in the reader's language. */

const LANGUAGES = ["en", "ja", "zh"];
const STORED = "language";

let words = {};
const listeners = new Set();

/** @returns {string} the language that was chosen before, or the browser's first that is known */
export function preferredLanguage() {
  const wanted = [stored(), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find((tag) => LANGUAGES.includes(tag)) ?? LANGUAGES[0];
}

/** Load a language and put its words into the page. */
export async function useLanguage(language) {
  const answer = await fetch(new URL(`../locales/${language}.json`, import.meta.url));
  words = await answer.json();
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

/** Remember the reader's choice. */
export function storeLanguage(language) {
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // Without storage it lasts as long as the page.
  }
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** Call a function now and whenever the language changes. */
export function translated(listener) {
  listeners.add(listener);
  listener();
}

/** @returns {string} a sentence with its {gaps} filled */
export function text(key, gaps = {}) {
  const found = key.split(".").reduce((part, name) => part?.[name], words);
  const sentence = typeof found === "string" ? found : "";
  return sentence.replace(/\{(\w+)\}/g, (gap, name) => gaps[name] ?? gap);
}
