"""Save AdaIN Style and Load AdaIN Style."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..adain_core import Style
from ..adain_core.images.previews import read_preview
from ..adain_core.images.sheets import GAP, add_label
from ..adain_core.pixels import resize
from . import host
from .inputs import CATEGORY
from .library import STYLE_FOLDER, STYLES, load_style

# Not allowed in file names on some systems.
_FORBIDDEN = set('/\\:*?"<>|')
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{kind}{n}" for kind in ("COM", "LPT") for n in range(10)
}
_LONGEST = 200  # bytes, of the 255 that a file name may have with suffixes
# Pixels: wider than previews, because the path of a file is a long line.
_CARD_WIDTH = 384


class AdaINSaveStyle:
    """A style to a file."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Saves a style as a small .safetensors file (a few kB) in ComfyUI's "
        f"models/{STYLE_FOLDER} folder, for Load AdaIN Style, and shows its artwork, name and "
        "location."
    )
    SEARCH_ALIASES = ("save style", "export style", "style library")
    RETURN_TYPES = ("ADAIN_STYLE",)
    RETURN_NAMES = ("style",)
    OUTPUT_TOOLTIPS = ("The style with its new name.",)
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "style": (
                    "ADAIN_STYLE",
                    {"tooltip": "The style, from AdaIN Encode Style or AdaIN Blend."},
                ),
                "name": (
                    "STRING",
                    {
                        "default": "my-style",
                        "tooltip": "Name of the style and its file, without a folder. The "
                        "extension .safetensors is added. Press R after saving to see it in "
                        "Load AdaIN Style.",
                    },
                ),
                "overwrite": (
                    "BOOLEAN",
                    {
                        "default": False,
                        "tooltip": "Replace an existing style with this name. Off: stop with "
                        "an error.",
                    },
                ),
            },
            "optional": {
                "preview": (
                    "BOOLEAN",
                    {
                        "default": True,
                        "tooltip": "Store a thumbnail of the artwork in the file, for the "
                        "model library and Load AdaIN Style. Turn it off for artworks that "
                        "nobody else should see.",
                    },
                ),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, name: str | None) -> bool | str:
        return True if name is None or _stem(name) else _invalid(name)

    @classmethod
    def IS_CHANGED(
        cls,
        style: Style | None,
        name: str | None,
        overwrite: bool | None,
        preview: bool | None = True,
    ) -> str | float:
        # A deleted or replaced file is saved again: NaN differs from every result before.
        stem = _stem(name or "")
        if stem is None:
            return ""
        return host.file_hash(_file(stem)) or math.nan

    def save(
        self, style: Style, name: str, overwrite: bool, preview: bool = True
    ) -> dict[str, Any]:
        """Run the node."""
        stem = _stem(name)
        if stem is None:
            raise ValueError(_invalid(name))
        named = replace(style, name=stem, previews=style.previews if preview else ())
        path = _file(stem)
        if path.exists() and not overwrite:
            with STYLES.reading(path, "name"):
                if Style.load(path) != named:
                    raise ValueError(
                        f"name: another style is already saved as {path}; choose another name, or "
                        "turn overwrite on"
                    )
        if not named.is_saved_as(path):  # files of equal styles differ, and would look changed
            path.parent.mkdir(parents=True, exist_ok=True)
            named.save(path)
        return {"ui": host.shown(_card(named, path)), "result": (named,)}


class AdaINLoadStyle:
    """A style from a file."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Loads a bundled style, or one that Save AdaIN Style saved in ComfyUI's "
        f"models/{STYLE_FOLDER} folder; choose it by its artwork. A style fits only the model "
        "that encoded it; the bundled styles fit the bundled model, adain-slim."
    )
    SEARCH_ALIASES = ("load style", "import style", "style library")
    RETURN_TYPES = ("ADAIN_STYLE",)
    RETURN_NAMES = ("style",)
    OUTPUT_TOOLTIPS = ("The style, for AdaIN Blend, Masked AdaIN or Style Transfer (AdaIN).",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "style": (
                    STYLES.names(),
                    {
                        "tooltip": "The style file: the bundled ones first, then those in "
                        f"ComfyUI's models/{STYLE_FOLDER}. Of two files with the same name, "
                        "yours is used. Press R to refresh the list."
                    },
                ),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, style: str | None) -> bool | str:
        return STYLES.check(style)

    @classmethod
    def IS_CHANGED(cls, style: str | None) -> str:
        return "" if style is None else host.file_hash(STYLES.find(style))

    def load(self, style: str) -> tuple[Style]:
        """Run the node."""
        return (load_style(style),)


def _card(style: Style, path: Path) -> Tensor:
    """Return the image that the node shows: artwork, name and path, ``(1, 3, H, W)``."""
    image = read_preview(style.preview)
    if image is None:
        image = torch.ones(1, 3, GAP, _CARD_WIDTH)
    else:
        height = round(image.shape[2] * _CARD_WIDTH / image.shape[3])
        image = resize(image, (height, _CARD_WIDTH))
    for line in (style.name, host.short_path(path)):
        image = add_label(image, line)
    return image


def _stem(name: str) -> str | None:
    """Return a file name without suffix; ``None`` for an invalid one."""
    stem = name.strip().removesuffix(host.EXTENSION)
    if (
        not stem
        or "." in (stem[0], stem[-1])
        or not _FORBIDDEN.isdisjoint(stem)
        or not stem.isprintable()
    ):
        return None
    if stem.partition(".")[0].rstrip().upper() in _DEVICES or len(stem.encode()) > _LONGEST:
        return None
    return stem


def _invalid(name: str) -> str:
    return (
        f"name: {name!r} cannot be a file's name; use a short one of letters, digits, spaces, - "
        "and _, without a folder"
    )


def _file(stem: str) -> Path:
    return host.folders(STYLE_FOLDER)[0] / f"{stem}{host.EXTENSION}"
