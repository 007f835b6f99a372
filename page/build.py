"""Build the page in page/dist: ``python page/build.py``, or ``make page``.

Any server of static files can serve the folder. Networks, styles and the first result come from
``weights/``, onnxruntime-web and the font from npm, in the versions of package-lock.json.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageOps

from adain_core import AdaINModel
from adain_core.choices import PHOTO_SHARE, STROKE_SIZES
from adain_core.engine.passes import CLOSE_FROM, FIRST_PASS
from adain_core.export import FILES, export_onnx
from adain_core.style_encoder import DEFAULT_STYLE_SIZE

ROOT = Path(__file__).resolve().parent
REPOSITORY = ROOT.parent
SAMPLES = REPOSITORY / "samples"
STYLES = REPOSITORY / "weights" / "styles"
DIST = ROOT / "dist"

# Copied unchanged.
STATIC = ("index.html", "page.css", "manifest.webmanifest", "src", "locales", "icons")
# One build of the runtime for each kind of browser; see src/runtime.js.
RUNTIME = (
    "ort.wasm.min.mjs",
    "ort.webgpu.min.mjs",
    "ort.jspi.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
    "ort-wasm-simd-threaded.jspi.mjs",
    "ort-wasm-simd-threaded.jspi.wasm",
)
FONTS = {"normal": "instrument-serif.woff2", "italic": "instrument-serif-italic.woff2"}
# Shown first; the second style is that of a new mix.
FIRST_PHOTO, FIRST_STYLE, SECOND_STYLE = "castle", "van-gogh-starry-night", "mosaic"
THUMBNAIL, SAMPLE_THUMBNAIL = (240, 240), (144, 108)


def main() -> None:
    """Build the page from scratch."""
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    for name in STATIC:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, DIST / name)
    runtime = copy_packages()
    # On the CPU, so that the page is the same on every machine.
    model = AdaINModel.from_pretrained(device="cpu", dtype="fp32")
    write_networks(model)
    write_icons()
    catalog = {
        "encoder": model.fingerprint,
        "runtime": f"{runtime}/",
        "networks": {"encoder": f"model/{FILES[0]}", "decoder": f"model/{FILES[1]}"},
        "settings": {
            "firstPass": FIRST_PASS,
            "closeFrom": CLOSE_FROM,
            "photoShare": PHOTO_SHARE,
            "styleSize": DEFAULT_STYLE_SIZE,
            "strokeSizes": STROKE_SIZES,
        },
        "artworks": [write_artwork(path) for path in list_styles()],
        "photos": [write_photo(path) for path in sorted((SAMPLES / "content").glob("*.jpg"))],
        "start": write_first_result(model),
    }
    (DIST / "catalog.json").write_text(json.dumps(catalog, indent=1))
    write_service_worker(runtime)
    size = sum(file.stat().st_size for file in DIST.rglob("*") if file.is_file())
    print(f"{DIST}: {size / 2**20:.0f} MiB")


def copy_packages() -> str:
    """Copy the runtime and the font from ``node_modules``; return the runtime's folder."""
    packages = ROOT / "node_modules"
    install_packages(packages / ".package-lock.json")
    package = packages / "onnxruntime-web"
    version = json.loads((package / "package.json").read_text())["version"]
    folder = f"onnxruntime-{version}"
    (DIST / folder).mkdir()
    for name in RUNTIME:
        shutil.copy2(package / "dist" / name, DIST / folder / name)
    (DIST / "fonts").mkdir()
    for style, name in FONTS.items():
        font = f"instrument-serif-latin-400-{style}.woff2"
        shutil.copy2(
            packages / "@fontsource" / "instrument-serif" / "files" / font, DIST / "fonts" / name
        )
    return folder


def install_packages(installed: Path) -> None:
    """Run ``npm ci`` unless the packages of package-lock.json are installed."""
    lock = ROOT / "package-lock.json"
    if installed.is_file() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("page/build.py needs npm, which comes with Node.js: install it first")
    # No package needs install scripts, so none may run.
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True)


def write_networks(model: AdaINModel) -> None:
    """Export encoder and decoder: weights in float16, computation in float32.

    The bundled weights are float16, so this is lossless, and many GPUs do not support computation
    in float16 in browsers.
    """
    (DIST / "model").mkdir()
    with tempfile.TemporaryDirectory() as folder:
        for path in export_onnx(model, folder, torch.float32):
            network = onnx.load(path)
            store_in_half(network.graph)
            onnx.checker.check_model(network)
            onnx.save(network, DIST / "model" / path.name)


def store_in_half(graph: onnx.GraphProto) -> None:
    """Store float32 weights as float16, with a conversion, which runtimes apply once."""
    conversions = []
    for constant in graph.initializer:
        if constant.data_type != TensorProto.FLOAT or len(constant.dims) == 0:
            continue
        name, values = constant.name, numpy_helper.to_array(constant)
        constant.CopyFrom(numpy_helper.from_array(values.astype("float16"), f"{name}.half"))
        conversions.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*conversions, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def list_styles() -> list[Path]:
    """Return the bundled style files, the first style in front."""
    return sorted(STYLES.glob("*.safetensors"), key=lambda path: (path.stem != FIRST_STYLE, path))


def write_artwork(style: Path) -> dict[str, str]:
    """Copy a style and a thumbnail of its artwork; return its entry in the catalog."""
    thumbnail, file = f"artworks/{style.stem}.jpg", f"artworks/{style.name}"
    (DIST / "artworks").mkdir(exist_ok=True)
    shutil.copy2(style, DIST / file)
    write_thumbnail(SAMPLES / "style" / f"{style.stem}.jpg", DIST / thumbnail, THUMBNAIL)
    return {"id": style.stem, "thumbnail": thumbnail, "file": file}


def write_photo(photo: Path) -> dict[str, str]:
    """Copy a sample photo and write its thumbnail; return its entry in the catalog."""
    (DIST / "photos").mkdir(exist_ok=True)
    copy, thumbnail = f"photos/{photo.name}", f"photos/{photo.stem}-small.jpg"
    shutil.copy2(photo, DIST / copy)
    write_thumbnail(photo, DIST / thumbnail, SAMPLE_THUMBNAIL)
    return {"id": photo.stem, "photo": copy, "thumbnail": thumbnail}


def write_thumbnail(source: Path, target: Path, size: tuple[int, int]) -> None:
    """Write a thumbnail: an image, cropped to a size around its center."""
    with Image.open(source) as image:
        ImageOps.fit(image.convert("RGB"), size).save(target, quality=85, optimize=True)


def write_icons() -> None:
    """Write the project's icon in the sizes that phones request."""
    (DIST / "icons").mkdir(exist_ok=True)
    with Image.open(REPOSITORY / "docs" / "images" / "icon.png") as icon:
        for side in (192, 512):
            icon.resize((side, side), Image.Resampling.LANCZOS).save(
                DIST / "icons" / f"icon-{side}.png", optimize=True
            )


def write_first_result(model: AdaINModel) -> dict[str, object]:
    """Stylize the first photo as the page itself would; return its entry in the catalog."""
    photo = SAMPLES / "content" / f"{FIRST_PHOTO}.jpg"
    style = SAMPLES / "style" / f"{FIRST_STYLE}.jpg"
    pixels = model.stylize(photo, style, output_dtype=torch.uint8)
    image = Image.fromarray(pixels[0].permute(1, 2, 0).numpy())
    result = f"photos/{FIRST_PHOTO}-stylized.jpg"
    image.save(DIST / result, quality=90, optimize=True, progressive=True)
    return {
        "photo": FIRST_PHOTO,
        "artwork": FIRST_STYLE,
        "second": SECOND_STYLE,
        "result": result,
        "width": image.width,
        "height": image.height,
    }


def write_service_worker(runtime: str) -> None:
    """Write the service worker with the names of all files and their digest as version."""
    files = sorted(file for file in DIST.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(DIST).as_posix().encode())
        digest.update(file.read_bytes())
    kept = [file.relative_to(DIST).as_posix() for file in files if runtime not in file.parts]
    kept = ["./" if name == "index.html" else name for name in kept]
    script = (ROOT / "service-worker.js").read_text()
    digest.update(script.encode())
    for gap, value in {
        "{{version}}": f"page-{digest.hexdigest()[:12]}",
        "{{runtime}}": runtime,
        "{{files}}": json.dumps(kept),
    }.items():
        script = script.replace(gap, value)
    (DIST / "service-worker.js").write_text(script)


if __name__ == "__main__":
    main()
