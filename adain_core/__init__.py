"""Arbitrary style transfer with Adaptive Instance Normalization (Huang & Belongie, ICCV 2017).

Example:
    >>> from adain_core import AdaINModel, Style, adain
    >>> model = AdaINModel.from_pretrained()
    >>> style = Style.mix([model.encode_style("wave.jpg"), model.encode_style("stars.jpg")])
    >>> image = model.decode(adain(model.encode("photo.jpg"), style, alpha=0.8))
"""

from . import color
from .architecture import Architecture
from .errors import AdaINError, ImageFileError, StyleMismatchError, WeightsError
from .fusion import adain
from .images import ImageFile, load_image, read_image_file, save_image, write_image_file
from .model import AdaINModel
from .style import Features, Style

__version__ = "0.1.0"

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
