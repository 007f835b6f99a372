"""Make the node pack's icon, ``docs/images/icon.png``: half a photo, half its stylized version.

Run ``python tools/images/icon.py`` again when the weights change.
"""

from __future__ import annotations

from panels import IMAGES, content, style
from PIL import Image, ImageDraw
from torch import Tensor

from adain_core import AdaINModel
from adain_core.pixels import as_uint8

SIZE = 256
SCALE = 4  # edges are drawn this many times larger and reduced, for antialiasing


def to_pillow(image: Tensor) -> Image.Image:
    """Return ``(1, 3, H, W)`` as a Pillow image."""
    return Image.fromarray(as_uint8(image)[0].movedim(0, -1).cpu().numpy())


def main() -> None:
    """Write the icon."""
    photo = content("red-panda", SIZE, SIZE)
    stylized = AdaINModel.from_pretrained().stylize(photo, style("van-gogh-night-cafe"))
    big = SIZE * SCALE
    cut = (0.68 * big, 0, 0.32 * big, big)

    half = Image.new("L", (big, big), 0)
    ImageDraw.Draw(half).polygon([cut[:2], (big, 0), (big, big), cut[2:]], fill=255)
    line = Image.new("L", (big, big), 0)
    ImageDraw.Draw(line).line(cut, fill=255, width=big // 40)
    card = Image.new("L", (big, big), 0)
    ImageDraw.Draw(card).rounded_rectangle((0, 0, big - 1, big - 1), radius=big // 6, fill=255)

    icon = to_pillow(photo)
    icon.paste(to_pillow(stylized), mask=half.resize(icon.size, Image.Resampling.LANCZOS))
    icon.paste("white", mask=line.resize(icon.size, Image.Resampling.LANCZOS))
    icon.putalpha(card.resize(icon.size, Image.Resampling.LANCZOS))
    icon.save(IMAGES / "icon.png", optimize=True)


if __name__ == "__main__":
    main()
