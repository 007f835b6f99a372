"""Draw the pictures of the nodes' help pages: ``python tools/pictures/help_pages.py``.

Each is ``web/docs/<node id>/example.jpg`` and serves all languages, so its labels are the names of
inputs and little else. Run it again when the weights change.
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
from adain_core.masks import feather_mask
from adain_core.methods import load_loss_network, refine
from adain_core.sheets import add_label, join_rows
from adain_core.temporal import TemporalPool

PAGES = ROOT / "web" / "docs"
# Photos as the model sees them; the pages show them smaller.
HEIGHT, WIDTH = 384, 512
# Of a panel, by how many of them are side by side: about 900 pixels together.
SIZES = {3: (222, 296), 4: (165, 220), 5: (132, 176)}
MAX_BYTES = 120_000
# Pictures of any size and the lines under them, equally many in each row.
Rows = list[list[tuple[Tensor, str]]]


def photo(name: str) -> Tensor:
    """A sample photo."""
    return content(name, HEIGHT, WIDTH)


def feature_maps(features: Features) -> Tensor:
    """The nine liveliest channels of encoded features as gray pictures, three rows of three."""
    maps = features.tensor[0].float()
    maps = maps[maps.std(dim=(1, 2)).argsort(descending=True)[:9]]
    low, high = (maps.flatten(1).quantile(q, dim=1)[:, None, None] for q in (0.02, 0.98))
    maps = F.pad(((maps - low) / (high - low)).clamp(0, 1), (1, 1, 1, 1), value=1.0)
    sheet = torch.cat([torch.cat(list(row), dim=1) for row in maps.split(3)], dim=0)
    # Enlarged without blur: each feature stays a square that can be seen.
    return sheet.repeat_interleave(3, 0).repeat_interleave(3, 1).expand(1, 3, -1, -1)


def card(lines: list[str]) -> Tensor:
    """A sheet of paper with text, for a file."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((60, 90, WIDTH - 60, HEIGHT - 90), 24, outline="gray", width=4)
    text, font = "\n".join(lines), ImageFont.load_default(size=34)
    draw.text((WIDTH / 2, HEIGHT / 2), text, "black", font, "mm", spacing=16, align="center")
    return to_tensor(image)


def whole(image: Tensor) -> Tensor:
    """The picture with gray beside it, of the panels' shape: what is cropped then is gray."""
    height, width = image.shape[2:]
    missing = (max(0, height * WIDTH // HEIGHT - width), max(0, width * HEIGHT // WIDTH - height))
    half = (missing[0] // 2, missing[0] - missing[0] // 2)
    return F.pad(image, (*half, missing[1] // 2, missing[1] - missing[1] // 2), value=0.9)


def as_picture(mask: Tensor) -> Tensor:
    """A mask to look at."""
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
    """The plain use, then an option each."""
    castle, painting, second = photo("castle"), style("van-gogh-night-cafe"), style("engraving")
    left = (torch.arange(WIDTH) < WIDTH / 2).float().expand(1, HEIGHT, -1)
    masks = [feather_mask(mask[None], 16)[0] for mask in (left, 1 - left)]
    halves = model.stylize(castle, [painting, second], masks=masks)
    return [
        [
            (castle, "content"),
            (painting, "style_1"),
            (model.stylize(castle, painting), "image"),
        ],
        [
            (model.stylize(castle, painting, alpha=0.5), "alpha 0.5"),
            (model.stylize(castle, painting, preserve_color="coral"), "preserve_color coral"),
            (halves, "mask_1 left, mask_2 right"),
        ],
    ]


def stylize_video(model: AdaINModel) -> Rows:
    """Frames of a camera's way over a photo, which share their statistics as in a video."""
    encoded, pool = model.encode_style(style("mosaic")), TemporalPool("ema")
    frames = views([n / 23 for n in range(24)], HEIGHT, WIDTH)
    drawn = [model.stylize(frame, encoded, smoothing=pool) for frame in frames]
    shown = (0, 11, 23)
    return [
        [(frames[n], f"video, frame {n}") for n in shown],
        [(drawn[n], f"in the style, frame {n}") for n in shown],
    ]


def encode_content(model: AdaINModel) -> Rows:
    """What features look like."""
    panda = photo("red-panda")
    features = model.encode(panda)
    drawn = model.decode(adain(features, model.encode_style(style("van-gogh-night-cafe"))))
    return [
        [
            (panda, "image"),
            (feature_maps(features), f"features: 9 of {features.tensor.shape[1]} channels"),
            (drawn, "after AdaIN Blend and AdaIN Decode"),
        ]
    ]


def encode_style(model: AdaINModel) -> Rows:
    """Sizes of strokes; a part of an artwork."""
    castle, painting, cafe = photo("castle"), style("mosaic"), style("van-gogh-night-cafe")
    upper = (torch.arange(cafe.shape[2]) < 0.42 * cafe.shape[2]).float()
    upper = upper[:, None].expand(-1, cafe.shape[3])[None]

    def drawn(of: Style) -> Tensor:
        return model.stylize(castle, of)

    return [
        [
            (painting, "image"),
            *(
                (drawn(model.encode_style(painting, size=size)), f"style_size {size}")
                for size in (128, 512, 1024)
            ),
        ],
        [
            (cafe, "image"),
            (drawn(model.encode_style(cafe)), "without mask"),
            (drawn(model.encode_style(cafe, mask=upper)), "mask: the upper part"),
            (drawn(model.encode_style(cafe, mask=1 - upper)), "mask: the lower part"),
        ],
    ]


def blend(model: AdaINModel) -> Rows:
    """Alpha, then weights."""
    wall, names = photo("great-wall"), ("van-gogh-langlois-bridge", "mosaic")
    first, second = (model.encode_style(style(name)) for name in names)
    features = model.encode(wall)

    def drawn(of: Style, alpha: float = 1) -> Tensor:
        return model.decode(adain(features, of, alpha))

    return [
        [
            (wall, "content"),
            *((style(name), f"style_{number}") for number, name in enumerate(names, 1)),
            *((drawn(second, alpha), f"style_2, alpha {alpha}") for alpha in (0.3, 0.6)),
        ],
        [
            (drawn(Style.mix([first, second], pair)), f"weights {pair[0]:g} : {pair[1]:g}")
            for pair in ((1, 0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0, 1))
        ],
    ]


def masked(model: AdaINModel) -> Rows:
    """A subject and what lies around it."""
    bird = photo("kingfisher")
    sample = load_image(SAMPLES / "mask" / "kingfisher.png")
    mask = crop(sample, HEIGHT, WIDTH)[:, 0]
    paintings = style("van-gogh-cafe-terrace"), style("engraving")
    first, second = (model.encode_style(painting) for painting in paintings)
    features = model.encode(bird)

    def drawn(
        feather: int = 0, background: Style | None = second, region_statistics: bool = True
    ) -> Tensor:
        soft = feather_mask(mask[None], feather)[0]
        options = {"background": background, "region_statistics": region_statistics}
        return model.decode(adain(features, [first], masks=[soft], **options))

    return [
        [
            (bird, "content"),
            (as_picture(mask), "mask_1"),
            (paintings[0], "style_1"),
            (paintings[1], "background"),
        ],
        [
            (drawn(background=None), "background not connected"),
            (drawn(), "background connected"),
            (drawn(feather=40), "feather 40"),
            (drawn(region_statistics=False), "region_statistics off"),
        ],
    ]


def decode(model: AdaINModel) -> Rows:
    """Features with and without a style."""
    castle = photo("castle")
    features = model.encode(castle)
    painting = model.encode_style(style("van-gogh-cafe-terrace"))
    return [
        [
            (castle, "content"),
            (model.decode(features), "Encode Content, Decode"),
            (model.decode(adain(features, painting)), "Encode Content, Blend, Decode"),
        ]
    ]


def alpha_keyframes(model: AdaINModel) -> Rows:
    """Frames of a fade."""
    castle, painting = photo("castle"), style("van-gogh-night-cafe")
    return [
        [
            (model.stylize(castle, painting, alpha=n / 23, content_residual=True), f"frame {n}")
            for n in frames
        ]
        for frames in ((0, 3, 6, 10), (13, 16, 20, 23))
    ]


def color_preserve(model: AdaINModel) -> Rows:
    """Before encoding, and after decoding."""
    coffee, painting = photo("coffee"), style("van-gogh-starry-night")
    recolored, drawn = transfer_color(painting, coffee, "coral"), model.stylize(coffee, painting)
    return [
        [
            (painting, "image: the artwork"),
            (coffee, "color_reference"),
            (recolored, "coral"),
            (model.stylize(coffee, recolored), "drawn in that style"),
        ],
        [
            (drawn, "image: after AdaIN Decode"),
            (coffee, "color_reference"),
            (transfer_color(drawn, coffee, "luminance"), "luminance"),
            (transfer_color(drawn, coffee, "luminance", 0.5), "luminance, strength 0.5"),
        ],
    ]


def save_style(model: AdaINModel) -> Rows:
    """From an artwork to a file to a picture."""
    painting, castle = style("van-gogh-langlois-bridge"), photo("castle")
    encoded = model.encode_style(painting, name="my-style")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "my-style.safetensors"
        encoded.save(path)
        file = card([path.stem, path.suffix, f"{path.stat().st_size / 1000:.1f} kB"])
        drawn = model.stylize(castle, Style.load(path))
    return [
        [(painting, "artwork"), (file, "saved style"), (drawn, "used later, without the artwork")]
    ]


def load_style(model: AdaINModel) -> Rows:
    """A file gives the same style to every photo."""
    painting = style("van-gogh-cafe-terrace")
    encoded = model.encode_style(painting)
    photos = [photo(name) for name in ("castle", "kingfisher", "red-panda")]
    return [
        [
            (card(["van-gogh-", "cafe-terrace", ".safetensors"]), "style"),
            *((picture, f"content {number}") for number, picture in enumerate(photos, 1)),
        ],
        [
            (painting, "what it was saved from"),
            *(
                (model.stylize(picture, encoded), f"image {number}")
                for number, picture in enumerate(photos, 1)
            ),
        ],
    ]


def sample_image(model: AdaINModel) -> Rows:
    """All of them."""
    panels = [
        (whole(load_image(path)), f"mask: {path.stem}" if kind == "mask" else path.stem)
        for kind in ("content", "style", "mask")
        for path in list_images(SAMPLES / kind)
    ]
    panels += [(torch.ones(1, 3, HEIGHT, WIDTH), "")] * (-len(panels) % 5)
    return [panels[start : start + 5] for start in range(0, len(panels), 5)]


def refine_drawn(model: AdaINModel) -> Rows:
    """A picture, and what refining makes of it; needs the official model, downloaded."""
    castle, painting = content("castle"), style("van-gogh-night-cafe")
    options = StylizeOptions(painting)
    drawn = Stylizer(model, options)(castle)
    refined = refine(drawn, castle, options, load_loss_network(), steps=50)
    return [[(painting, "style_1"), (drawn, "image, as drawn"), (refined, "refined by 50 steps")]]


PICTURES: dict[str, Callable[[AdaINModel], Rows]] = {
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
    "AdaINRefine": refine_drawn,
}


def main() -> None:
    """Draw them all."""
    model = AdaINModel.from_pretrained()
    for node_id, draw in PICTURES.items():
        rows = draw(model)
        size = SIZES[len(rows[0])]
        panels = [[add_label(crop(each.cpu(), *size), text) for each, text in row] for row in rows]
        path = PAGES / node_id / "example.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Fine strokes take more bytes: the best quality that fits.
        for quality in range(85, 40, -5):
            save_image(path, join_rows(panels), overwrite=True, quality=quality)
            if path.stat().st_size <= MAX_BYTES:
                break


if __name__ == "__main__":
    main()
