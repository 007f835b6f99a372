"""Draw the node pack's banner, ``docs/images/banner.jpg``: a photo that turns into paintings.

The registry shows it at 21:9. Run ``python tools/pictures/banner.py`` again when the weights
change.
"""

from __future__ import annotations

from icon import pillow
from panels import IMAGES, content, style
from PIL import Image, ImageDraw

from adain_core import AdaINModel

WIDTH, HEIGHT = 1260, 540
SCALE = 4  # edges are drawn this much larger, so that they come out smooth
STYLES = ("van-gogh-starry-night", "van-gogh-painter", "mosaic", "van-gogh-night-cafe")
# How far a cut leans, and how wide its line is.
LEAN, LINE = 90, 6


def main() -> None:
    """Draw it."""
    model, photo = AdaINModel.from_pretrained(), content("castle", HEIGHT, WIDTH)
    banner = pillow(photo)
    for number, name in enumerate(STYLES, start=1):
        cut = number * WIDTH // (len(STYLES) + 1)
        ends = ((cut + LEAN) * SCALE, 0, (cut - LEAN) * SCALE, HEIGHT * SCALE)
        right = Image.new("L", (WIDTH * SCALE, HEIGHT * SCALE), 0)
        line = right.copy()
        corners = [ends[:2], (WIDTH * SCALE, 0), (WIDTH * SCALE, HEIGHT * SCALE), ends[2:]]
        ImageDraw.Draw(right).polygon(corners, fill=255)
        ImageDraw.Draw(line).line(ends, fill=255, width=LINE * SCALE)
        drawn = pillow(model.stylize(photo, style(name)))
        banner.paste(drawn, mask=right.resize(banner.size, Image.Resampling.LANCZOS))
        banner.paste("white", mask=line.resize(banner.size, Image.Resampling.LANCZOS))
    banner.save(IMAGES / "banner.jpg", quality=80, optimize=True, progressive=True)


if __name__ == "__main__":
    main()
