"""Encode the sample artworks into the shipped styles: ``python tools/pictures/styles.py``.

Run it again when the shipped model's weights change: a style fits only the encoder that made it.
"""

from __future__ import annotations

from pathlib import Path

from adain_core import AdaINModel
from adain_core.images import list_images
from adain_core.weights import shipped_folder

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Write them all."""
    # On the CPU, so that every machine writes the same numbers.
    model = AdaINModel.from_pretrained(device="cpu", dtype="fp32")
    for path in list_images(ROOT / "samples" / "style"):
        style = model.encode_style(path)
        file = shipped_folder() / "styles" / f"{path.stem}.safetensors"
        if not style.is_saved_as(file):
            style.save(file)


if __name__ == "__main__":
    main()
