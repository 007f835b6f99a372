"""Image files and images in memory: read, write, convert, list.

Within the library an image is a float32 tensor in 0..1, ``(B, 3, H, W)``, or ``(B, 4, H, W)`` with
straight (not premultiplied) alpha. Large images can stay uint8 and become float32 in parts.
"""

from .folders import list_image_tree, list_images
from .formats import LARGEST_SIDES, check_output_size, check_output_suffix
from .image_file import ImageFile
from .reader import load_image, read_image_file, read_mask, read_resized
from .tensors import IMAGE_KINDS, ImageLike, to_pixels, to_tensor
from .writer import encode_image_file, save_image, write_image_file

__all__ = [
    "IMAGE_KINDS",
    "LARGEST_SIDES",
    "ImageFile",
    "ImageLike",
    "check_output_size",
    "check_output_suffix",
    "encode_image_file",
    "list_image_tree",
    "list_images",
    "load_image",
    "read_image_file",
    "read_mask",
    "read_resized",
    "save_image",
    "to_pixels",
    "to_tensor",
    "write_image_file",
]
