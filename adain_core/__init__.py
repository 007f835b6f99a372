"""Arbitrary style transfer with Adaptive Instance Normalization (Huang & Belongie, ICCV 2017).

Example:
    >>> from adain_core import AdaINModel, Style, adain
    >>> model = AdaINModel.from_pretrained()
    >>> style = Style.mix([model.encode_style("wave.jpg"), model.encode_style("stars.jpg")])
    >>> image = model.decode(adain(model.encode("photo.jpg"), style, alpha=0.8))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import read_version

if TYPE_CHECKING:
    from . import color
    from .architecture import Architecture
    from .errors import AdaINError, ImageFileError, StyleMismatchError, WeightsError
    from .images import ImageFile, load_image, read_image_file, save_image, write_image_file
    from .model import AdaINModel
    from .style import Features, Style
    from .transfer import adain

__version__ = read_version()

__all__ = [
    "AdaINError",
    "AdaINModel",
    "Architecture",
    "Features",
    "ImageFile",
    "ImageFileError",
    "Style",
    "StyleMismatchError",
    "WeightsError",
    "adain",
    "color",
    "load_image",
    "read_image_file",
    "save_image",
    "write_image_file",
]

# The modules of the public names. They are imported at the first use, because they import torch,
# which takes longer than `adain --help` may.
_HOMES = {
    "architecture": ("Architecture",),
    "errors": ("AdaINError", "ImageFileError", "StyleMismatchError", "WeightsError"),
    "transfer": ("adain",),
    "images": ("ImageFile", "load_image", "read_image_file", "save_image", "write_image_file"),
    "model": ("AdaINModel",),
    "style": ("Features", "Style"),
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562)."""
    if name == "color":
        return import_module(".color", __name__)
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
