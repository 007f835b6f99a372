"""Encode the sample artworks as the bundled styles: ``python tools/images/styles.py``.

Run it again when the weights of the bundled model change: a style fits only its encoder.
"""

from __future__ import annotations

from pathlib import Path

from adain_core import AdaINModel
from adain_core.images import list_images
from adain_core.weights import shipped_folder

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Write all style files."""
    # On the CPU, so that the files are the same on every machine.
    model = AdaINModel.from_pretrained(device="cpu", dtype="fp32")
    for path in list_images(ROOT / "samples" / "style"):
        style = model.encode_style(path)
        file = shipped_folder() / "styles" / f"{path.stem}.safetensors"
        if not style.is_saved_as(file):
            style.save(file)


if __name__ == "__main__":
    main()
