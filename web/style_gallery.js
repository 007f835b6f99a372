// Load AdaIN Style: a gallery of the styles' artworks below the list, to choose one by its picture.
// The host's own model library has the pictures. Without this script the list works as it is.
import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const NODE = "AdaINLoadStyle";
const FOLDER = "adain_styles";
const LOWEST = 72; // pixels: one row of pictures
const SIZE = [280, 390]; // of a new node: six pictures
const LOOK = `
  .adain-styles { position: relative; min-height: ${LOWEST}px; height: 100%; }
  .adain-styles > div { position: absolute; inset: 0; overflow-y: auto; display: grid; gap: 6px;
    grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); grid-auto-rows: min-content; }
  /* In an app, all of them. */
  [data-testid="app-mode-widget-item"] .adain-styles > div { position: static; max-height: 340px; }
  .adain-styles button { padding: 0; border: 2px solid transparent; border-radius: 6px;
    background: none; color: inherit; cursor: pointer; font: 10px/1.3 sans-serif; }
  .adain-styles button[aria-pressed="true"] { border-color: #2a9df4; }
  .adain-styles img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: cover;
    border-radius: 4px 4px 0 0; }
  .adain-styles span { display: block; padding: 1px 3px; overflow: hidden; white-space: nowrap;
    text-overflow: ellipsis; }`;

// Addresses of the pictures by file name; of two files with one name the first folder's counts.
async function findPictures() {
  const answer = await api.fetchApi(`/experiment/models/${FOLDER}`);
  const files = answer.ok ? await answer.json() : [];
  const pictures = {};
  for (const { name, pathIndex } of files.sort((a, b) => b.pathIndex - a.pathIndex))
    pictures[name] = api.apiURL(
      `/experiment/models/preview/${FOLDER}/${pathIndex}/${encodeURIComponent(name)}`,
    );
  return pictures;
}

function makeButton(name, address, choose) {
  const button = document.createElement("button");
  const label = document.createElement("span");
  label.textContent = name.replace(/\.safetensors$/, "");
  button.type = "button";
  button.title = label.textContent;
  button.dataset.style = name;
  if (address) {
    const picture = document.createElement("img");
    picture.src = address;
    picture.alt = "";
    picture.loading = "lazy";
    picture.addEventListener("error", () => picture.remove());
    button.append(picture);
  }
  button.append(label);
  button.addEventListener("click", () => choose(name));
  return button;
}

// The node that has this one's number now: pages go on showing the gallery of a node that another
// has replaced, such as that of an app which is opened again.
const present = (node) => (node.graph ?? app.canvas.graph)?.getNodeById(node.id) ?? node;
const findList = (node) => node.widgets?.find(({ name }) => name === "style");

// The galleries that are on the page, and the one that will be.
const withShown = (frame) => new Set([...document.querySelectorAll(".adain-styles"), frame]);

function makeFrame(node) {
  // The outer one has the size that the node gives, whatever the inner one holds.
  const frame = document.createElement("div");
  const gallery = document.createElement("div");
  frame.className = "adain-styles";
  frame.append(gallery);
  const list = () => findList(present(node)) ?? findList(node);
  const choose = (name) => {
    list().value = name;
    list().callback?.(name);
    present(node).graph?.setDirtyCanvas?.(true, true);
  };
  // Not scrollIntoView, which moves the canvas, too.
  const show = ({ offsetTop, offsetHeight }) => {
    const { scrollTop, clientHeight } = gallery;
    if (offsetTop < scrollTop || offsetTop + offsetHeight > scrollTop + clientHeight)
      gallery.scrollTop = offsetTop;
  };
  frame.mark = () => {
    for (const button of gallery.children) {
      const chosen = button.dataset.style === list().value;
      button.setAttribute("aria-pressed", chosen);
      if (chosen) show(button);
    }
  };
  frame.fill = (pictures) => {
    const names = list().options.values;
    gallery.replaceChildren(...names.map((name) => makeButton(name, pictures[name], choose)));
    frame.mark();
  };
  new ResizeObserver(frame.mark).observe(frame); // what is hidden cannot be scrolled
  return frame;
}

function addGallery(node, list) {
  const frame = makeFrame(node);
  const mark = () => withShown(frame).forEach((each) => each.mark());
  const fill = async () => {
    const pictures = await findPictures();
    withShown(frame).forEach((each) => each.fill(pictures));
  };
  const changed = list.callback;
  list.callback = function (...values) {
    changed?.apply(this, values);
    mark();
  };
  const configured = node.onConfigure;
  node.onConfigure = function (...values) {
    configured?.apply(this, values);
    mark();
  };
  const widget = node.addDOMWidget("gallery", FOLDER, frame, {
    serialize: false,
    hideOnZoom: false,
    getMinHeight: () => LOWEST,
  });
  widget.serialize = false; // workflows hold the list's value alone
  widget.label = list.label ?? list.name; // in an app
  node.fillGallery = fill;
  return fill();
}

app.registerExtension({
  name: "AdaIN.StyleGallery",
  init() {
    const look = document.createElement("style");
    look.textContent = LOOK;
    document.head.append(look);
  },
  async nodeCreated(node) {
    const list = node.comfyClass === NODE && findList(node);
    if (!list || !node.addDOMWidget) return;
    const filled = addGallery(node, list);
    node.setSize(SIZE.map((length, side) => Math.max(length, node.size[side])));
    await filled;
  },
  // R was pressed: new styles may have been saved.
  async refreshComboInNodes() {
    for (const node of app.graph.nodes ?? app.graph._nodes) await node.fillGallery?.();
  },
});
