"""Encodes the sample artworks into the styles that the pack ships: ``python docs/styles.py``.

Run it again when a shipped model's weights change: a style fits only the encoder that made it.
Those of other models than the default one lie in a folder of the model's name.
"""

from __future__ import annotations

from pathlib import Path

from adain_core import AdaINModel
from adain_core.images import list_images
from adain_core.weights import DEFAULT_MODEL, shipped_folder

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write them all."""
    for weights in shipped_folder().glob("*.safetensors"):
        # On the CPU, so that every machine writes the same numbers.
        model = AdaINModel.from_pretrained(weights, device="cpu", dtype="fp32")
        folder = shipped_folder() / "styles"
        if weights.stem != DEFAULT_MODEL:
            folder /= weights.stem
        folder.mkdir(parents=True, exist_ok=True)
        for path in list_images(ROOT / "samples" / "style"):
            style, file = model.encode_style(path), folder / f"{path.stem}.safetensors"
            if not style.is_saved_as(file):
                style.save(file)


if __name__ == "__main__":
    main()
