"""Encodes the sample artworks into the styles that the pack ships: ``python docs/styles.py``.

Run it again when the default model's weights change: a style fits only the encoder that made it.
"""

from __future__ import annotations

from pathlib import Path

from adain_core import AdaINModel
from adain_core.images import list_images

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write them all."""
    # On the CPU, so that every machine writes the same numbers.
    model = AdaINModel.from_pretrained(device="cpu", dtype="fp32")
    folder = ROOT / "weights" / "styles"
    folder.mkdir(exist_ok=True)
    for path in list_images(ROOT / "samples" / "style"):
        model.encode_style(path).save(folder / f"{path.stem}.safetensors")


if __name__ == "__main__":
    main()
