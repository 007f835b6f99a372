"""Make the images of the nodes' help pages: ``python tools/images/help_pages.py``.

Each is ``web/docs/<node id>/example.jpg`` for all languages, so its labels are mostly the names of
inputs. Run it again when the weights change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from panels import ROOT, SAMPLES, content, crop, style, views
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from adain_core import (
    AdaINModel,
    Features,
    Style,
    StylizeOptions,
    Stylizer,
    adain,
    load_image,
    save_image,
)
from adain_core.color import transfer_color
from adain_core.images import list_images, to_tensor
from adain_core.images.sheets import add_label, join_rows
from adain_core.masks import feather_mask
from adain_core.methods import load_loss_network, refine
from adain_core.temporal import TemporalPool

PAGES = ROOT / "web" / "docs"
# Size at which photos are stylized; the pages show them smaller.
HEIGHT, WIDTH = 384, 512
# Size of a panel by their number in a row: together about 900 pixels.
SIZES = {3: (222, 296), 4: (165, 220), 5: (132, 176)}
MAX_BYTES = 120_000
# Images of any size and the labels below them; all rows have the same length.
Rows = list[list[tuple[Tensor, str]]]


def photo(name: str) -> Tensor:
    """Return a sample photo."""
    return content(name, HEIGHT, WIDTH)


def feature_maps(features: Features) -> Tensor:
    """Return the nine channels that vary most as gray images, in three rows."""
    maps = features.tensor[0].float()
    maps = maps[maps.std(dim=(1, 2)).argsort(descending=True)[:9]]
    low, high = (maps.flatten(1).quantile(q, dim=1)[:, None, None] for q in (0.02, 0.98))
    maps = F.pad(((maps - low) / (high - low)).clamp(0, 1), (1, 1, 1, 1), value=1.0)
    sheet = torch.cat([torch.cat(list(row), dim=1) for row in maps.split(3)], dim=0)
    # Enlarged without blur, so that each feature is a visible square.
    return sheet.repeat_interleave(3, 0).repeat_interleave(3, 1).expand(1, 3, -1, -1)


def card(lines: list[str]) -> Tensor:
    """Return a card with text, which stands for a file."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((60, 90, WIDTH - 60, HEIGHT - 90), 24, outline="gray", width=4)
    text, font = "\n".join(lines), ImageFont.load_default(size=34)
    draw.text((WIDTH / 2, HEIGHT / 2), text, "black", font, "mm", spacing=16, align="center")
    return to_tensor(image)


def whole(image: Tensor) -> Tensor:
    """Return an image padded with gray to the aspect ratio of the panels."""
    height, width = image.shape[2:]
    missing = (max(0, height * WIDTH // HEIGHT - width), max(0, width * HEIGHT // WIDTH - height))
    half = (missing[0] // 2, missing[0] - missing[0] // 2)
    return F.pad(image, (*half, missing[1] // 2, missing[1] - missing[1] // 2), value=0.9)


def as_image(mask: Tensor) -> Tensor:
    """Return a mask as a gray image."""
    return mask[:, None].expand(-1, 3, -1, -1)


def load_model(model: AdaINModel) -> Rows:
    """One model, one photo, any artwork."""
    castle, names = photo("castle"), ["van-gogh-night-cafe", "mosaic", "engraving"]
    blank = torch.ones_like(castle)
    return [
        [(blank, ""), *((style(name), f"artwork {n}") for n, name in enumerate(names, 1))],
        [
            (castle, "photo"),
            *(
                (model.stylize(castle, style(name)), f"photo in style {n}")
                for n, name in enumerate(names, 1)
            ),
        ],
    ]


def stylize(model: AdaINModel) -> Rows:
    """Default options, then one option each."""
    castle, artwork, second = photo("castle"), style("van-gogh-night-cafe"), style("engraving")
    left = (torch.arange(WIDTH) < WIDTH / 2).float().expand(1, HEIGHT, -1)
    masks = [feather_mask(mask[None], 16)[0] for mask in (left, 1 - left)]
    halves = model.stylize(castle, [artwork, second], masks=masks)
    return [
        [
            (castle, "content"),
            (artwork, "style_1"),
            (model.stylize(castle, artwork), "image"),
        ],
        [
            (model.stylize(castle, artwork, alpha=0.5), "alpha 0.5"),
            (model.stylize(castle, artwork, preserve_color="coral"), "preserve_color coral"),
            (halves, "mask_1 left, mask_2 right"),
        ],
    ]


def stylize_video(model: AdaINModel) -> Rows:
    """Frames of a pan over a photo, with pooled statistics as in a video."""
    encoded, pool = model.encode_style(style("mosaic")), TemporalPool("ema")
    frames = views([n / 23 for n in range(24)], HEIGHT, WIDTH)
    stylized = [model.stylize(frame, encoded, smoothing=pool) for frame in frames]
    shown = (0, 11, 23)
    return [
        [(frames[n], f"video, frame {n}") for n in shown],
        [(stylized[n], f"stylized, frame {n}") for n in shown],
    ]


def encode_content(model: AdaINModel) -> Rows:
    """Features as images."""
    panda = photo("red-panda")
    features = model.encode(panda)
    result = model.decode(adain(features, model.encode_style(style("van-gogh-night-cafe"))))
    return [
        [
            (panda, "image"),
            (feature_maps(features), f"features: 9 of {features.tensor.shape[1]} channels"),
            (result, "after AdaIN Blend and AdaIN Decode"),
        ]
    ]


def encode_style(model: AdaINModel) -> Rows:
    """Style sizes; parts of an artwork."""
    castle, artwork, cafe = photo("castle"), style("mosaic"), style("van-gogh-night-cafe")
    upper = (torch.arange(cafe.shape[2]) < 0.42 * cafe.shape[2]).float()
    upper = upper[:, None].expand(-1, cafe.shape[3])[None]

    def stylized(of: Style) -> Tensor:
        return model.stylize(castle, of)

    return [
        [
            (artwork, "image"),
            *(
                (stylized(model.encode_style(artwork, size=size)), f"style_size {size}")
                for size in (128, 512, 1024)
            ),
        ],
        [
            (cafe, "image"),
            (stylized(model.encode_style(cafe)), "without mask"),
            (stylized(model.encode_style(cafe, mask=upper)), "mask: the upper part"),
            (stylized(model.encode_style(cafe, mask=1 - upper)), "mask: the lower part"),
        ],
    ]


def blend(model: AdaINModel) -> Rows:
    """Alpha, then weights."""
    wall, names = photo("great-wall"), ("van-gogh-langlois-bridge", "mosaic")
    first, second = (model.encode_style(style(name)) for name in names)
    features = model.encode(wall)

    def stylized(of: Style, alpha: float = 1) -> Tensor:
        return model.decode(adain(features, of, alpha))

    return [
        [
            (wall, "content"),
            *((style(name), f"style_{number}") for number, name in enumerate(names, 1)),
            *((stylized(second, alpha), f"style_2, alpha {alpha}") for alpha in (0.3, 0.6)),
        ],
        [
            (stylized(Style.mix([first, second], pair)), f"weights {pair[0]:g} : {pair[1]:g}")
            for pair in ((1, 0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0, 1))
        ],
    ]


def masked(model: AdaINModel) -> Rows:
    """A subject and its background."""
    bird = photo("kingfisher")
    sample = load_image(SAMPLES / "mask" / "kingfisher.png")
    mask = crop(sample, HEIGHT, WIDTH)[:, 0]
    artworks = style("van-gogh-cafe-terrace"), style("engraving")
    first, second = (model.encode_style(artwork) for artwork in artworks)
    features = model.encode(bird)

    def stylized(
        feather: int = 0, background: Style | None = second, region_statistics: bool = True
    ) -> Tensor:
        soft = feather_mask(mask[None], feather)[0]
        options = {"background": background, "region_statistics": region_statistics}
        return model.decode(adain(features, [first], masks=[soft], **options))

    return [
        [
            (bird, "content"),
            (as_image(mask), "mask_1"),
            (artworks[0], "style_1"),
            (artworks[1], "background"),
        ],
        [
            (stylized(background=None), "background not connected"),
            (stylized(), "background connected"),
            (stylized(feather=40), "feather 40"),
            (stylized(region_statistics=False), "region_statistics off"),
        ],
    ]


def decode(model: AdaINModel) -> Rows:
    """Features with and without a style."""
    castle = photo("castle")
    features = model.encode(castle)
    encoded = model.encode_style(style("van-gogh-cafe-terrace"))
    return [
        [
            (castle, "content"),
            (model.decode(features), "Encode Content, Decode"),
            (model.decode(adain(features, encoded)), "Encode Content, Blend, Decode"),
        ]
    ]


def alpha_keyframes(model: AdaINModel) -> Rows:
    """Frames of a fade."""
    castle, artwork = photo("castle"), style("van-gogh-night-cafe")
    return [
        [
            (model.stylize(castle, artwork, alpha=n / 23, content_residual=True), f"frame {n}")
            for n in frames
        ]
        for frames in ((0, 3, 6, 10), (13, 16, 20, 23))
    ]


def color_preserve(model: AdaINModel) -> Rows:
    """Before encoding, and after decoding."""
    coffee, artwork = photo("coffee"), style("van-gogh-starry-night")
    recolored, result = transfer_color(artwork, coffee, "coral"), model.stylize(coffee, artwork)
    return [
        [
            (artwork, "image: the artwork"),
            (coffee, "color_reference"),
            (recolored, "coral"),
            (model.stylize(coffee, recolored), "stylized with coral"),
        ],
        [
            (result, "image: after AdaIN Decode"),
            (coffee, "color_reference"),
            (transfer_color(result, coffee, "luminance"), "luminance"),
            (transfer_color(result, coffee, "luminance", 0.5), "luminance, strength 0.5"),
        ],
    ]


def save_style(model: AdaINModel) -> Rows:
    """From an artwork to a file to a result."""
    artwork, castle = style("van-gogh-langlois-bridge"), photo("castle")
    encoded = model.encode_style(artwork, name="my-style")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "my-style.safetensors"
        encoded.save(path)
        file = card([path.stem, path.suffix, f"{path.stat().st_size / 1000:.1f} kB"])
        result = model.stylize(castle, Style.load(path))
    return [
        [(artwork, "artwork"), (file, "saved style"), (result, "used later, without the artwork")]
    ]


def load_style(model: AdaINModel) -> Rows:
    """One file stylizes every photo."""
    artwork = style("van-gogh-cafe-terrace")
    encoded = model.encode_style(artwork)
    photos = [photo(name) for name in ("castle", "kingfisher", "red-panda")]
    return [
        [
            (card(["van-gogh-", "cafe-terrace", ".safetensors"]), "style"),
            *((image, f"content {number}") for number, image in enumerate(photos, 1)),
        ],
        [
            (artwork, "its artwork"),
            *(
                (model.stylize(image, encoded), f"image {number}")
                for number, image in enumerate(photos, 1)
            ),
        ],
    ]


def sample_image(model: AdaINModel) -> Rows:
    """All sample images."""
    panels = [
        (whole(load_image(path)), f"mask: {path.stem}" if kind == "mask" else path.stem)
        for kind in ("content", "style", "mask")
        for path in list_images(SAMPLES / kind)
    ]
    panels += [(torch.ones(1, 3, HEIGHT, WIDTH), "")] * (-len(panels) % 5)
    return [panels[start : start + 5] for start in range(0, len(panels), 5)]


def refined(model: AdaINModel) -> Rows:
    """A result before and after refining; needs the downloaded official model."""
    castle, artwork = content("castle"), style("van-gogh-night-cafe")
    options = StylizeOptions(artwork)
    image = Stylizer(model, options)(castle)
    result = refine(image, castle, options, load_loss_network(), steps=50)
    return [[(artwork, "style_1"), (image, "image"), (result, "after 50 steps")]]


IMAGES: dict[str, Callable[[AdaINModel], Rows]] = {
    "AdaINModelLoader": load_model,
    "AdaINStylize": stylize,
    "AdaINStylizeVideo": stylize_video,
    "AdaINEncodeContent": encode_content,
    "AdaINEncodeStyle": encode_style,
    "AdaINBlend": blend,
    "AdaINMasked": masked,
    "AdaINDecode": decode,
    "AdaINAlphaKeyframes": alpha_keyframes,
    "AdaINColorPreserve": color_preserve,
    "AdaINSaveStyle": save_style,
    "AdaINLoadStyle": load_style,
    "AdaINSampleImage": sample_image,
    "AdaINRefine": refined,
}


def main() -> None:
    """Write all images."""
    model = AdaINModel.from_pretrained()
    for node_id, make in IMAGES.items():
        rows = make(model)
        size = SIZES[len(rows[0])]
        panels = [[add_label(crop(each.cpu(), *size), text) for each, text in row] for row in rows]
        path = PAGES / node_id / "example.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        # The best quality that fits: fine strokes take more bytes.
        for quality in range(85, 40, -5):
            save_image(path, join_rows(panels), overwrite=True, quality=quality)
            if path.stat().st_size <= MAX_BYTES:
                break


if __name__ == "__main__":
    main()
