/** The page: turns user actions into options, and shows the stylized photo. */

import { Camera } from "./camera.js";
import { Comparison } from "./comparison.js";
import { Engine } from "./engine.js";
import { acceptChosen, acceptDropped, acceptPasted } from "./files.js";
import { Gallery } from "./gallery.js";
import { preferredLanguage, storeLanguage, text, translated, useLanguage } from "./language.js";
import { cacheFiles, startServiceWorker } from "./offline.js";
import { Scheduler } from "./scheduler.js";
import { mixStyles } from "./statistics.js";
import { hideNotice, percent, showError, showNotice, showProgress, showStatus } from "./status.js";

// Longest side of an image, as in worker.js.
const LONGEST = 4096;
const element = (id) => document.getElementById(id);
const chosenValue = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const page = new URL("..", import.meta.url);

const engine = new Engine();
const comparison = new Comparison(element("comparison"));
const scheduler = new Scheduler(engine, currentOptions, {
  part: (part, window, last) => comparison.showPart(part, window, last),
  progress: showProgress,
  finish: (milliseconds) => showFinished(milliseconds),
  fail(error) {
    showProgress(null);
    showError(error);
  },
});
let catalog, gallery, device;
// The current photo: file, name, url, size of the result, original size, milliseconds it took.
let photo = null;
// Whether options were changed before the networks were loaded.
let changedEarly = false;

// -- options -------------------------------------------------------------------------------------

async function currentOptions() {
  let style = await gallery.statistics(gallery.chosen(0));
  if (element("mix").checked) {
    const other = await gallery.statistics(gallery.chosen(1));
    style = mixStyles(style, other, element("share").valueAsNumber / 100);
  }
  return {
    style,
    alpha: element("strength").valueAsNumber / 100,
    strokeSize: catalog.settings.strokeSizes[chosenValue("strokes")],
    keepColors: element("keep-colors").checked,
  };
}

function currentTitle() {
  const [first, second] = [0, 1].map((list) => gallery.title(gallery.chosen(list)));
  return element("mix").checked ? text("mixOf", { first, second }) : first;
}

function showOptions() {
  const title = currentTitle();
  element("artwork-title").textContent = title;
  element("artwork-origin").textContent = element("mix").checked ? "" : gallery.origin(gallery.chosen(0));
  comparison.result.setAttribute("aria-label", text("resultOf", { artwork: title }));
  for (const slider of [element("strength"), element("share")]) {
    const value = percent(slider.valueAsNumber / 100);
    element(`${slider.id}-value`).textContent = value;
    slider.style.setProperty("--fill", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", value);
  }
}

function showPhoto() {
  comparison.photo.alt = photo?.name() || text("yourPhoto");
  if (!device) {
    showStatus(text("loading"));
  } else if (photo.milliseconds !== undefined) {
    const { width: fullWidth, height: fullHeight } = photo.original;
    const seconds = (photo.milliseconds / 1000).toLocaleString(document.documentElement.lang, {
      maximumFractionDigits: 1,
    });
    const place = device.backend === "webgpu" ? "stylizedOnGpu" : "stylizedOnCpu";
    const finished = fullWidth === photo.size.width ? place : "reduced";
    const key = photo.milliseconds ? finished : "ready";
    showStatus(text(key, { ...photo.size, fullWidth, fullHeight, seconds }));
  }
}

function stylize({ quick = false } = {}) {
  if (!device) {
    changedEarly = true;
    return;
  }
  if (!quick) photo.milliseconds = undefined;
  scheduler.request({ quick });
}

function showFinished(milliseconds) {
  photo.milliseconds = milliseconds;
  element("download").disabled = false;
  showProgress(null);
  showPhoto();
}

// -- photos and artworks -------------------------------------------------------------------------

/** Show a photo and stylize it; the one before stays if the file cannot be read. */
async function openPhoto(file, name = () => file.name) {
  const longest = Number(chosenValue("size"));
  scheduler.stop();
  hideNotice();
  showProgress(0);
  showStatus(text("opening"), false);
  try {
    await opened;
    const { original, ...size } = await engine.call("photo", { file, longest });
    if (file === photo?.file) {
      comparison.resize(size);
    } else {
      setPhoto({ file, name, size, original });
    }
    Object.assign(photo, { size, original, milliseconds: undefined });
    const tooLarge = Math.max(original.width, original.height) > LONGEST;
    if (tooLarge && longest === LONGEST) showNotice(text("errors.limited", original));
    await scheduler.request();
  } catch (error) {
    // Another photo was opened meanwhile.
    if (error.code === "cancelled") return;
    showProgress(null);
    showPhoto();
    showError(error, file.name);
    // Continue with the photo before.
    if (photo.milliseconds === undefined) stylize();
  }
}

function setPhoto(next) {
  if (photo) URL.revokeObjectURL(photo.url);
  photo = { ...next, url: URL.createObjectURL(next.file) };
  comparison.showPhoto(photo.url, photo.size);
  element("download").disabled = true;
  showPhoto();
}

async function loadSample({ id, photo: path }) {
  const response = await fetch(new URL(path, page));
  const file = new File([await response.blob()], `${id}.jpg`, { type: "image/jpeg" });
  return { file, name: () => text(`photos.${id}`) || id };
}

async function addArtworks(files) {
  hideNotice();
  for (const file of files) {
    showProgress(0);
    try {
      await opened;
      const id = await gallery.addOwn(file, () => engine.call("style", { file }));
      gallery.choose(0, id);
    } catch (error) {
      showProgress(null);
      showPhoto();
      showError(error, file.name);
    }
  }
}

async function downloadResult() {
  const plain = (words) => words.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
  const name = photo.file.name.replace(/\.[^.]*$/, "");
  const link = document.createElement("a");
  link.download = `${plain(name)}-${plain(currentTitle())}.png`;
  link.href = URL.createObjectURL(await comparison.png());
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// -- artworks and sample photos ------------------------------------------------------------------

function showGallery() {
  const lists = [element("artworks"), element("second-artworks")];
  gallery = new Gallery(lists, catalog.encoder);
  for (const artwork of catalog.artworks) gallery.addBundled(artwork);
  for (const [list, id] of [catalog.start.artwork, catalog.start.second].entries()) {
    gallery.choose(list, id);
  }
}

function showSamples() {
  for (const sample of catalog.photos) {
    const button = document.createElement("button");
    const image = document.createElement("img");
    button.type = "button";
    Object.assign(image, { src: sample.thumbnail, width: 60, height: 46, decoding: "async" });
    translated(() => {
      button.title = text(`photos.${sample.id}`) || sample.id;
      image.alt = text("samplePhoto", { name: button.title });
    });
    button.append(image);
    button.addEventListener("click", async () => {
      const { file, name } = await loadSample(sample);
      openPhoto(file, name);
    });
    element("samples").append(button);
  }
}

/** Show the first photo with its result, which is part of the build, before the networks load. */
async function showStart() {
  const { photo: id, result, width, height } = catalog.start;
  const size = { width, height };
  const sample = await loadSample(catalog.photos.find((each) => each.id === id));
  setPhoto({ ...sample, size, original: size, milliseconds: 0 });
  await comparison.showFile(result);
  element("download").disabled = false;
}

// -- events --------------------------------------------------------------------------------------

function connectControls() {
  const changed = () => {
    showOptions();
    stylize();
  };
  for (const id of ["artworks", "second-artworks", "strokes", "keep-colors"]) {
    element(id).addEventListener("change", changed);
  }
  for (const id of ["strength", "share"]) {
    element(id).addEventListener("change", changed);
    element(id).addEventListener("input", () => {
      showOptions();
      stylize({ quick: true });
    });
  }
  element("mix").addEventListener("change", () => {
    element("second").hidden = !element("mix").checked;
    // A mix of an artwork with itself would change nothing.
    if (gallery.chosen(0) === gallery.chosen(1)) gallery.choose(1, catalog.start.artwork);
    changed();
  });
  element("sizes").addEventListener("change", () => openPhoto(photo.file, photo.name));
  element("download").addEventListener("click", downloadResult);
  element("notice-close").addEventListener("click", hideNotice);
  element("language").addEventListener("change", ({ target }) => {
    storeLanguage(target.value);
    useLanguage(target.value);
  });
}

function connectFiles() {
  acceptChosen(element("photo-file"), ([file]) => openPhoto(file));
  acceptChosen(element("artwork-file"), addArtworks);
  acceptPasted((file) => openPhoto(file));
  acceptDropped(element("drop"), { photo: (file) => openPhoto(file), artworks: addArtworks });
}

function connectCamera() {
  const camera = new Camera(element("camera"), {
    backend: () => device.backend,
    stylize: async (image) => engine.call("frame", { image, options: await currentOptions() }),
    take: (file) => openPhoto(file, () => text("yourPhoto")),
    fail: (code) => showError({ code }),
  });
  element("camera-open").addEventListener("click", async () => {
    hideNotice();
    await opened;
    camera.open();
  });
}

async function showPage() {
  const [response] = await Promise.all([
    fetch(new URL("catalog.json", page)),
    useLanguage((element("language").value = preferredLanguage())),
  ]);
  catalog = await response.json();
  showGallery();
  showSamples();
  connectControls();
  connectFiles();
  connectCamera();
  translated(() => {
    showOptions();
    showPhoto();
  });
  await showStart();
}

async function openEngine(reloads) {
  await shown;
  if (await reloads) return new Promise(() => {});
  device = await engine.call("open", { page: page.href, catalog });
  await engine.call("photo", { file: photo.file, longest: LONGEST });
  Object.assign(document.documentElement.dataset, device);
  showPhoto();
  if (changedEarly) stylize();
  cacheFiles(() => {
    document.documentElement.dataset.offline = "ready";
    element("about").dataset.text = "aboutOffline";
    element("about").textContent = text("aboutOffline");
  });
}

const shown = showPage();
// Photos and artworks wait for it.
const opened = openEngine(startServiceWorker());
opened.catch((error) => showError({ code: error.code ?? "no-engine" }));
