"""Make the example workflows: ``python tools/workflows/make.py``.

A new widget or a moved node is one line here. The page fits a template into the window: to be
readable at 1440×900, a workflow may take at most ``WIDEST`` by ``HIGHEST`` units with its titles,
which a host test checks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blueprint import Blueprint
from board import ROOT, Board, Output, write

WIDEST, HIGHEST = 1720, 1060
# Sizes of nodes with their images: sample and gallery.
SAMPLE, GALLERY = (280, 306), (280, 390)
STYLIZE, VIDEO = (290, 580), (290, 604)
# Additional height of the nodes that show a preview when they run.
PREVIEW = 220
BLEND, DECODE = (270, 300), (270, 66)
_FOLDER = "AdaIN/"
STARRY_NIGHT = "van-gogh-starry-night"
# Included in ComfyUI's input folder.
HOST_IMAGE = "example.png"


def photo(board: Board, place: tuple[int, int], picture: str) -> dict[str, Output]:
    """Add a sample image."""
    return board.add("AdaINSampleImage", place, SAMPLE, picture=picture)


def gallery(
    board: Board, place: tuple[int, int], style: str, size: tuple[int, int] = GALLERY
) -> Output:
    """Add a bundled style."""
    return board.add("AdaINLoadStyle", place, size, style=f"{style}.safetensors")["style"]


def save(
    board: Board, place: tuple[int, int], size: tuple[int, int], images: Output, name: str
) -> None:
    """Add a node that saves the result."""
    board.add("SaveImage", place, size, images=images, filename_prefix=_FOLDER + name)


def reduce(board: Board, place: tuple[int, int], image: Output, width: int) -> Output:
    """Add a node that scales an image to a width: strokes have a size in pixels."""
    size = {"upscale_method": "lanczos", "width": width, "height": 0}
    return board.add("ImageScale", place, (240, 130), image=image, **size)["IMAGE"]


def animation(
    board: Board, place: tuple[int, int], size: tuple[int, int], images: Output, name: str
) -> None:
    """Add a node that saves an animation."""
    options: dict[str, Any] = {"fps": 12.0, "lossless": False, "quality": 85}
    prefix = _FOLDER + name
    board.add("SaveAnimatedWEBP", place, size, images=images, filename_prefix=prefix, **options)


def quick_start(board: Board) -> None:
    """One photo, one style."""
    board.note((320, 750))
    castle = photo(board, (350, 0), "content/castle.jpg")
    style = gallery(board, (350, 396), STARRY_NIGHT)
    stylized = board.add("AdaINStylize", (695, 0), STYLIZE, content=castle["image"], style_1=style)
    save(board, (1020, 0), (530, 440), stylized["image"], "quick-start")


def paint_your_photo(board: Board) -> dict[str, Any]:
    """An app: the user's photo, or the masked part of it, and a style."""
    board.note((320, 720))
    # Older pages show the image as wide as the node, whatever its height.
    photo = board.add("LoadImage", (350, 0), (280, 366), image=HOST_IMAGE)
    style = gallery(board, (350, 436), STARRY_NIGHT)
    inputs = {"content": photo["IMAGE"], "mask_1": photo["MASK"], "style_1": style}
    stylized = board.add("AdaINStylize", (695, 0), STYLIZE, **inputs, feather=8)
    save(board, (1020, 0), (530, 440), stylized["image"], "your-photo")
    inputs = [[2, "image"], [3, "gallery"], [4, "alpha"], [4, "stroke_size"]]
    return app(inputs, [5])


def two_styles(board: Board) -> dict[str, Any]:
    """An app: a style for the subject, another for the rest."""
    board.note((320, 720))
    bird = photo(board, (350, 0), "content/kingfisher.jpg")
    one = gallery(board, (350, 396), "mosaic", (280, 290))
    rest = gallery(board, (350, 736), "van-gogh-cafe-terrace", (280, 290))
    inputs = {"content": bird["image"], "mask_1": bird["mask"], "style_1": one, "style_2": rest}
    stylized = board.add("AdaINStylize", (700, 220), STYLIZE, **inputs, feather=8)
    save(board, (1025, 220), (560, 480), stylized["image"], "two-styles")
    # The page does not translate these.
    subject_, rest_ = "Subject · 被写体 · 主体", "Background · 背景"
    styles = [[3, "gallery", {"description": subject_}], [4, "gallery", {"description": rest_}]]
    return app([[2, "picture"], *styles, [5, "alpha"], [5, "stroke_size"]], [6])


def app(inputs: list[list[Any]], outputs: list[int]) -> dict[str, Any]:
    """Return the settings with which the page shows a workflow as an app.

    Args:
        inputs: controls of the app from top to bottom: numbers of nodes and names of widgets.
        outputs: numbers of the nodes whose results are shown.
    """
    return {"linearMode": True, "linearData": {"inputs": inputs, "outputs": outputs}}


def strength(board: Board) -> None:
    """One photo at four strengths."""
    board.note((310, 640))
    panda = photo(board, (340, 0), "content/red-panda.jpg")
    style = gallery(board, (340, 396), STARRY_NIGHT, (280, 350))
    alphas = board.add(
        "AdaINAlphaKeyframes", (340, 796), (280, 220), keyframes="0: 0.25\n1: 0.5\n2: 0.75\n3: 1"
    )
    stylized = board.add(
        "AdaINStylize",
        (695, 200),
        STYLIZE,
        content=panda["image"],
        style_1=style,
        alpha=alphas["alpha"],
        content_residual=True,
    )
    save(board, (1020, 200), (580, 580), stylized["image"], "strength")


def mix(board: Board) -> None:
    """Four styles by weight."""
    board.note((290, 660))
    wall = photo(board, (314, 0), "content/great-wall.jpg")
    small = reduce(board, (974, 0), wall["image"], 640)
    features = board.add("AdaINEncodeContent", (974, 194), (240, 106), image=small)
    names = (STARRY_NIGHT, "van-gogh-cafe-terrace", "mosaic", "engraving")
    styles = [
        gallery(board, (624, 185 + number * 212), name, (280, 165))
        for number, name in enumerate(names)
    ]
    inputs = {f"style_{number}": style for number, style in enumerate(styles, start=1)}
    inputs |= {"features": features["features"], "weight_1": 0.5, "weight_4": 0.5}
    blend = board.add("AdaINBlend", (974, 380), BLEND, **inputs)
    inputs = {"features": blend["features"], "content": small.around((944, 147), (944, 824))}
    stylized = board.add("AdaINDecode", (974, 770), DECODE, **inputs)
    save(board, (1290, 300), (430, 400), stylized["image"], "mix")


def subject(board: Board) -> None:
    """A style for the subject, another for the rest."""
    board.note((320, 720))
    bird = photo(board, (350, 0), "content/kingfisher.jpg")
    one = gallery(board, (350, 396), STARRY_NIGHT, (280, 290))
    rest = gallery(board, (350, 736), "van-gogh-cafe-terrace", (280, 290))
    stylized = board.add(
        "AdaINStylize",
        (700, 220),
        STYLIZE,
        content=bird["image"],
        style_1=one,
        mask_1=bird["mask"],
        style_2=rest,
        feather=8,
    )
    save(board, (1025, 220), (560, 480), stylized["image"], "subject")


def colors(board: Board) -> None:
    """Three options for colors."""
    board.note((270, 720))
    coffee = photo(board, (294, 0), "content/coffee.jpg")["image"]
    painting = photo(board, (294, 396), "style/van-gogh-starry-night.jpg")["image"]
    plain = board.add("AdaINStylize", (640, 220), STYLIZE, content=coffee, style_1=painting)[
        "image"
    ]
    above = painting.around((607, 150), (948, 110))
    coral = {"content": coffee, "style_1": above, "preserve_color": "coral"}
    before = board.add("AdaINStylize", (980, 0), STYLIZE, **coral)["image"]
    pair = {
        "image": plain.around((952, 300), (952, 860)),
        "color_reference": coffee.around((960, 30), (960, 890)),
    }
    after = board.add("AdaINColorPreserve", (980, 850), (290, 110), **pair, method="luminance")
    size = (390, 306)
    save(board, (1330, 0), size, before, "colors-before")
    save(board, (1330, 356), size, after["image"], "colors-after")
    bent = plain.around((946, 300), (946, 1024), (1300, 1024))
    save(board, (1330, 712), size, bent, "colors-painting")


def library(board: Board) -> None:
    """Saved styles."""
    board.note((260, 820))
    panda = photo(board, (284, 0), "content/red-panda.jpg")
    painting = photo(board, (284, 396), "style/van-gogh-painter.jpg")
    encoded = board.add("AdaINEncodeStyle", (588, 396), (210, 106), image=painting["image"])
    small = reduce(board, (576, 0), panda["image"], 640)
    features = board.add("AdaINEncodeContent", (846, 0), (240, 106), image=small)
    name = {"name": "example-painter", "overwrite": True}
    kept = board.add("AdaINSaveStyle", (846, 185), (240, 330), style=encoded["style"], **name)
    night = gallery(board, (846, 566), STARRY_NIGHT, (240, 180))
    lines = gallery(board, (846, 798), "engraving", (240, 180))
    inputs = {"style_1": kept["style"], "style_2": night, "style_3": lines, "weight_3": 0.5}
    inputs["features"] = features["features"]
    blend = board.add("AdaINBlend", (1150, 250), (220, 300), **inputs)
    stylized = board.add("AdaINDecode", (1434, 250), (286, 66), features=blend["features"])
    save(board, (1434, 406), (286, 246), stylized["image"], "library")
    name = {"name": "example-mix", "overwrite": True}
    board.add("AdaINSaveStyle", (1434, 706), (286, 320), style=blend["style"], **name)


def frames(board: Board) -> None:
    """Frames without and with pooled statistics."""
    board.note((280, 750))
    clip = photo(board, (304, 0), "video/castle")["image"]
    style = gallery(board, (304, 396), "van-gogh-cafe-terrace")
    one = board.add("AdaINStylize", (650, 220), STYLIZE, content=clip, style_1=style)["image"]
    above = style.around((617, 150), (948, 110))
    inputs = {"content": clip, "style_1": above, "temporal": "ema"}
    calm = board.add("AdaINStylize", (980, 0), STYLIZE, **inputs)["image"]
    animation(board, (1320, 0), (400, 480), calm, "video-ema")
    bent = one.around((954, 300), (956, 860), (1290, 860))
    animation(board, (1320, 530), (400, 480), bent, "video-frame")


def big_photo(board: Board) -> None:
    """A large image, coarse to fine."""
    board.note((300, 800))
    castle = photo(board, (324, 0), "content/castle.jpg")
    style = gallery(board, (324, 396), STARRY_NIGHT)
    size = {"upscale_method": "lanczos", "width": 2400, "height": 0}
    large = board.add("ImageScale", (634, 0), (250, 130), image=castle["image"], **size)
    inputs = {"content": large["IMAGE"], "style_1": style, "stroke_size": "medium"}
    stylized = board.add("AdaINStylize", (930, 120), STYLIZE, **inputs)
    save(board, (1254, 120), (460, 400), stylized["image"], "big-photo")


def fade(board: Board) -> None:
    """A fade from the photo through two styles and back."""
    board.note((300, 770))
    wall = photo(board, (324, 0), "content/great-wall.jpg")
    first = gallery(board, (324, 396), "mosaic", (270, 290))
    second = gallery(board, (324, 736), STARRY_NIGHT, (270, 290))
    size, kind = (250, 230), "AdaINAlphaKeyframes"
    gentle = {"keyframes": "0: 0\n8: 1\n23: 1\n31: 0", "easing": "ease_in_out"}
    much = board.add(kind, (670, 500), size, **gentle)
    which = board.add(kind, (670, 785), size, keyframes="10: 0\n21: 1\n31: 1")
    stylized = board.add(
        "AdaINStylize",
        (990, 160),
        STYLIZE,
        content=wall["image"],
        style_1=first,
        style_2=second.around((640, 450), (950, 450)),
        alpha=much["alpha"],
        weight_1=which["rest"],
        weight_2=which["alpha"],
        content_residual=True,
    )
    animation(board, (1310, 160), (410, 480), stylized["image"], "style-fade")


def video(board: Board) -> None:
    """A video from file to file."""
    board.note((300, 800))
    clip = photo(board, (324, 0), "video/castle")
    style = gallery(board, (324, 396), STARRY_NIGHT)
    source = board.add("CreateVideo", (634, 0), (230, 78), images=clip["image"], fps=12.0)
    inputs = {"video": source["VIDEO"], "style_1": style}
    stylized = board.add("AdaINStylizeVideo", (910, 120), VIDEO, **inputs)
    prefix = f"{_FOLDER}video"
    size = (480, 480)
    board.add("SaveVideo", (1234, 120), size, video=stylized["video"], filename_prefix=prefix)


def coarse_to_fine(board: Board) -> None:
    """Two passes with separate nodes."""
    board.note((280, 740))
    castle = photo(board, (304, 0), "content/castle.jpg")["image"]
    style = gallery(board, (304, 396), STARRY_NIGHT)
    small = reduce(board, (640, 70), castle, 512)
    features = board.add("AdaINEncodeContent", (640, 264), (240, 106), image=small)
    inputs = {"features": features["features"], "style_1": style}
    blend = board.add("AdaINBlend", (640, 450), (240, 300), **inputs)
    inputs = {"features": blend["features"], "content": small.around((610, 217), (610, 884))}
    under = board.add("AdaINDecode", (640, 830), (240, 66), **inputs)["image"]
    inputs = {"image": castle, "underpainting": under}
    features = board.add("AdaINEncodeContent", (960, 0), (240, 106), **inputs)
    style = gallery(board, (960, 576), STARRY_NIGHT, (240, 270))
    inputs = {"features": features["features"], "style_1": style}
    blend = board.add("AdaINBlend", (960, 190), (240, 300), **inputs)
    stylized = board.add("AdaINDecode", (1280, 190), (440, 66), features=blend["features"])
    save(board, (1280, 344), (440, 296), stylized["image"], "fine")
    save(board, (1280, 700), (440, 320), under.around((914, 960), (1250, 960)), "coarse")


def paint_photo(blueprint: Blueprint) -> dict[str, Any]:
    """A photo in a style of the library."""
    image = blueprint.take("image", "IMAGE")
    stylized = transfer(blueprint, "AdaINStylize", {"content": image})
    blueprint.give("image", stylized["image"])
    return {
        "description": "Stylizes images with a style of the library: the pack's, or your own.",
        "aliases": ["style transfer", "photo to painting", "art filter", "van gogh"],
        "category": "Image Tools/Style transfer",
    }


def paint_subject(blueprint: Blueprint) -> dict[str, Any]:
    """The subject of a photo in a style, the rest as it is."""
    inputs = {name: blueprint.take(name, name.upper()) for name in ("image", "mask")}
    given = {"content": inputs["image"], "mask_1": inputs["mask"]}
    stylized = transfer(blueprint, "AdaINStylize", given, feather=8)
    blueprint.give("image", stylized["image"])
    return {
        "description": "Stylizes what a mask covers with a style of the library, and leaves the "
        "rest unchanged. The mask may come from background removal, segmentation or the mask "
        "editor. That of a cut-out (a PNG with transparency) in Load Image is white around the "
        "subject: put Invert Mask behind it.",
        "aliases": ["style transfer mask", "stylize person", "paint the background"],
        "category": "Image Tools/Style transfer",
    }


def paint_video(blueprint: Blueprint) -> dict[str, Any]:
    """A video in a style of the library."""
    given = {"video": blueprint.take("video", "VIDEO")}
    stylized = transfer(blueprint, "AdaINStylizeVideo", given, temporal="ema")
    blueprint.give("video", stylized["video"])
    return {
        "description": "Stylizes a video of any length with a style of the library, and keeps "
        "its sound.",
        "aliases": ["style transfer video", "video to painting", "stylize video"],
        "category": "Video Tools/Style transfer",
    }


def transfer(
    blueprint: Blueprint, kind: str, given: dict[str, Output], **widgets: Any
) -> dict[str, Output]:
    """Add a style of the library and the node that applies it, with exposed widgets."""
    name = blueprint.expose("style", "AdaINLoadStyle", "style", f"{STARRY_NIGHT}.safetensors")
    style = blueprint.add("AdaINLoadStyle", (0, 300), GALLERY, style=name)["style"]
    exposed = {"alpha": blueprint.expose("strength", kind, "alpha")}
    for widget, value in {"stroke_size": None, **widgets}.items():
        exposed[widget] = blueprint.expose(widget, kind, widget, value)
    return blueprint.add(kind, (400, 0), STYLIZE, style_1=style, **given, **exposed)


WORKFLOWS: dict[str, Callable[[Board], dict[str, Any] | None]] = {
    "01 Quick start": quick_start,
    "02 Strength": strength,
    "03 Mix styles": mix,
    "04 Subject and background": subject,
    "05 Keep the colors": colors,
    "06 Style library": library,
    "07 Video frames": frames,
    "08 Big photo": big_photo,
    "09 Style fade": fade,
    "10 Video": video,
    "11 Coarse to fine": coarse_to_fine,
    "12 Paint your photo.app": paint_your_photo,
    "13 Two styles.app": two_styles,
}
# By file name, which the page shows.
BLUEPRINTS: dict[str, Callable[[Blueprint], dict[str, Any]]] = {
    "Paint a Photo (AdaIN)": paint_photo,
    "Paint the Subject (AdaIN)": paint_subject,
    "Paint a Video (AdaIN)": paint_video,
}


def documents() -> dict[str, dict[str, Any]]:
    """Return the content of the files by their names."""
    made = {}
    for name, lay_out in WORKFLOWS.items():
        board = Board(name)
        extra = lay_out(board) or {}
        made[f"workflows/{name}.json"] = board.document(**extra)
    for name, lay_out_inside in BLUEPRINTS.items():
        blueprint = Blueprint(name)
        described = lay_out_inside(blueprint)
        made[f"subgraphs/{name}.json"] = blueprint.document(**described)
    return made


def main() -> None:
    """Write the files."""
    for name, document in documents().items():
        write(ROOT / name, document)


if __name__ == "__main__":
    main()
