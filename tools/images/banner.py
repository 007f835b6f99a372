"""Make the node pack's banner, ``docs/images/banner.jpg``: a photo in several styles.

The registry shows it at 21:9. Run ``python tools/images/banner.py`` again when the weights
change.
"""

from __future__ import annotations

from icon import to_pillow
from panels import IMAGES, content, style
from PIL import Image, ImageDraw

from adain_core import AdaINModel

WIDTH, HEIGHT = 1260, 540
SCALE = 4  # edges are drawn this many times larger and reduced, for antialiasing
STYLES = ("van-gogh-starry-night", "van-gogh-painter", "mosaic", "van-gogh-night-cafe")
# Half of the horizontal distance between the ends of a cut, and the width of its line, pixels.
SLANT, LINE = 90, 6


def main() -> None:
    """Write the banner."""
    model, photo = AdaINModel.from_pretrained(), content("castle", HEIGHT, WIDTH)
    banner = to_pillow(photo)
    for number, name in enumerate(STYLES, start=1):
        cut = number * WIDTH // (len(STYLES) + 1)
        ends = ((cut + SLANT) * SCALE, 0, (cut - SLANT) * SCALE, HEIGHT * SCALE)
        right = Image.new("L", (WIDTH * SCALE, HEIGHT * SCALE), 0)
        line = right.copy()
        corners = [ends[:2], (WIDTH * SCALE, 0), (WIDTH * SCALE, HEIGHT * SCALE), ends[2:]]
        ImageDraw.Draw(right).polygon(corners, fill=255)
        ImageDraw.Draw(line).line(ends, fill=255, width=LINE * SCALE)
        stylized = to_pillow(model.stylize(photo, style(name)))
        banner.paste(stylized, mask=right.resize(banner.size, Image.Resampling.LANCZOS))
        banner.paste("white", mask=line.resize(banner.size, Image.Resampling.LANCZOS))
    banner.save(IMAGES / "banner.jpg", quality=80, optimize=True, progressive=True)


if __name__ == "__main__":
    main()
