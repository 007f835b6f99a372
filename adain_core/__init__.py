"""Arbitrary style transfer with Adaptive Instance Normalization (Huang & Belongie, ICCV 2017).

Example:
    >>> from adain_core import AdaINModel, save_image
    >>> model = AdaINModel.from_pretrained()
    >>> save_image("result.png", model.stylize("photo.jpg", "painting.jpg", alpha=0.8))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import read_version

if TYPE_CHECKING:
    from . import color
    from .errors import (
        AdaINError,
        ImageFileError,
        ImageFileWarning,
        NotFiniteError,
        OptionError,
        StyleMismatchError,
        VideoFileError,
        WeightsError,
    )
    from .images import ImageFile, load_image, read_image_file, save_image, write_image_file
    from .model import AdaINModel
    from .networks.architecture import Architecture
    from .networks.encoder_decoder import Decoder, Encoder
    from .options import StylizeOptions
    from .style import Features, Style
    from .stylizer import Stylizer
    from .temporal import TemporalPool
    from .transfer import adain
    from .weights import ModelInfo

__version__ = read_version()

__all__ = [
    "AdaINError",
    "AdaINModel",
    "Architecture",
    "Decoder",
    "Encoder",
    "Features",
    "ImageFile",
    "ImageFileError",
    "ImageFileWarning",
    "ModelInfo",
    "NotFiniteError",
    "OptionError",
    "Style",
    "StyleMismatchError",
    "StylizeOptions",
    "Stylizer",
    "TemporalPool",
    "VideoFileError",
    "WeightsError",
    "adain",
    "color",
    "load_image",
    "read_image_file",
    "save_image",
    "write_image_file",
]

# The modules of the public names, imported on first use: they import torch, and `adain --help`
# must not wait for that.
_HOMES = {
    "networks.architecture": ("Architecture",),
    "errors": (
        *("AdaINError", "ImageFileError", "ImageFileWarning", "NotFiniteError", "OptionError"),
        *("StyleMismatchError", "VideoFileError", "WeightsError"),
    ),
    "images": ("ImageFile", "load_image", "read_image_file", "save_image", "write_image_file"),
    "model": ("AdaINModel",),
    "networks.encoder_decoder": ("Decoder", "Encoder"),
    "options": ("StylizeOptions",),
    "style": ("Features", "Style"),
    "stylizer": ("Stylizer",),
    "temporal": ("TemporalPool",),
    "transfer": ("adain",),
    "weights": ("ModelInfo",),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name == "color":
        return import_module(".color", __name__)
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return all names, including public ones that are not imported yet."""
    return sorted({*globals(), *__all__})
