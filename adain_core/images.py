"""Image files in, image files out, and the checks on images that callers hand in.

Inside the library an image is a float32 tensor in 0..1 of shape (B, 3, H, W), or (B, 4, H, W)
with alpha (straight, not premultiplied); a large one can stay uint8 in 0..255 and become float32
part by part. Pixel values are kept as the file has them: no colour management, the ICC profile
travels beside the pixels.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from PIL import ExifTags, ImageOps
from torch import Tensor

from .errors import ImageFileError, reason
from .files import replace_atomically
from .pixels import CHANNELS, as_float, as_uint8, check_finite, checked, layout_hint

_OUTPUT_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
# Pixels of a side, beyond which an encoder fails.
LARGEST_SIDES = {"JPEG": 65_500, "WEBP": 16_383}
# A JPEG's marker has no place for more.
_JPEG_EXIF_BYTES = 65533
# HEIC is what phones save: Pillow reads it with a plugin, and without one says what to do.
_HEIC_SUFFIXES = {".heic", ".heif"}
_INPUT_SUFFIXES = {
    *_OUTPUT_FORMATS,
    *_HEIC_SUFFIXES,
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".mpo"),
    *(".pbm", ".pgm", ".pnm", ".ppm", ".tga"),
}

# What EXIF says about the picture rather than about its storage: a TIFF file mixes both.
_EXIF_TAGS = {
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.Copyright,
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
    ExifTags.IFD.Exif,
    ExifTags.IFD.GPSInfo,
}


@dataclass(frozen=True)
class ImageFile:
    """An image as read from a file.

    Attributes:
        pixels: (1, 3, H, W), or (1, 4, H, W) where the file has transparency; float32 in 0..1,
            or uint8 where that was asked for.
        icc_profile: the file's RGB colour profile, if it has one.
        exif: the file's EXIF block without orientation (the pixels are already turned) and
            thumbnail.
    """

    pixels: Tensor
    icc_profile: bytes | None
    exif: bytes | None


ImageLike = (
    torch.Tensor | PIL.Image.Image | np.ndarray[Any, Any] | ImageFile | str | os.PathLike[str]
)

# Rows that are float at once when a picture is written.
_BAND = 256


# --- reading ----------------------------------------------------------------------------------


def read_image(
    path: str | os.PathLike[str], *, keep_uint8: bool = False, enough: int | None = None
) -> ImageFile:
    """Reads an image file of any kind that Pillow knows, as RGB or RGBA, turned upright.

    Grey becomes RGB; palette, 1-bit and CMYK images are converted (CMYK without its profile);
    16-bit grey keeps its precision; float images are clamped to 0..1. Of an animation the first
    frame is read. 16-bit RGB files are read with 8 bits per channel: Pillow has no such mode.

    Args:
        path: the file.
        keep_uint8: leave 8 bits per channel as uint8, which takes a quarter of the memory; more
            bits become float32 in any case.
        enough: pixels a side that suffice: a JPEG of twice as many or more on both sides is decoded
            at a half, a quarter or an eighth of its size, which takes less time and memory.

    Returns:
        The pixels, with the ICC profile and the EXIF block to hand to ``write_image``.

    Raises:
        ImageFileError: the file is missing, not an image, damaged, or too large to be decoded
            safely (Pillow's limit, about 179 million pixels).
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise IsADirectoryError(0, "it is a folder, an image file is expected")
        # Pillow warns from half of its limit on; photographs of that size are ordinary.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(file) as image:
                if enough is not None:
                    image.draft(None, (enough, enough))
                read = _from_pil(image)
    except FileNotFoundError:
        raise ImageFileError(f"cannot read {path}: there is no such file") from None
    except PIL.UnidentifiedImageError:
        advice = ""
        if file.suffix.lower() in _HEIC_SUFFIXES:
            advice = "; save it as JPEG or PNG first"
        raise ImageFileError(
            f"cannot read {path}: it is not an image that Pillow knows{advice}"
        ) from None
    except PIL.Image.DecompressionBombError as error:
        raise ImageFileError(
            f"cannot read {path}: it is too large ({error}); scale it down first, or raise "
            "PIL.Image.MAX_IMAGE_PIXELS if you trust the file"
        ) from error
    except Exception as error:  # decoders raise anything from struct.error to SyntaxError
        raise ImageFileError(f"cannot read {path}: {reason(error)}") from error
    # Here Pillow's own copy is gone.
    return read if keep_uint8 else replace(read, pixels=as_float(read.pixels))


def _from_pil(image: PIL.Image.Image) -> ImageFile:
    if 0 in image.size:
        raise ValueError(f"expected an image with pixels, got one of {image.width}x{image.height}")
    image.load()
    exif = None
    with contextlib.suppress(Exception):  # damaged metadata must not cost the picture
        kept = _kept(image.getexif())
        exif = kept.tobytes() if len(kept) else None
    with contextlib.suppress(Exception):
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # without it that would copy
            image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    # Bytes 16 to 20 name the colour space: a grey or CMYK profile is invalid for RGB pixels.
    if not isinstance(profile, bytes) or profile[16:20] != b"RGB ":
        profile = None
    return ImageFile(_pixels(image), profile, exif)


def _kept(source: PIL.Image.Exif) -> PIL.Image.Exif:
    """What EXIF says about the picture, its text as bytes."""
    kept = PIL.Image.Exif()
    kept.endian = source.endian
    for tag in (tag for tag in _EXIF_TAGS if tag in source):
        if isinstance(tag, ExifTags.IFD):
            # The interoperability block is an offset into the old file.
            block = source.get_ifd(tag)
            kept[tag] = {key: _raw(block[key]) for key in block if key != ExifTags.IFD.Interop}
        else:
            kept[tag] = _raw(source[tag])
    return kept


def _raw(value: Any) -> Any:
    """Text as the bytes that it is in the file.

    Pillow reads it as Latin-1, whatever it is (mostly UTF-8), and writes question marks for all
    that is not ASCII.
    """
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value


def _pixels(image: PIL.Image.Image) -> Tensor:
    """(1, 3 or 4, H, W) of any Pillow mode: uint8, or float32 in 0..1 of more than 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":  # I;16, I;16B, I: 16 bits; F: float
        grey = torch.from_numpy(np.array(image, dtype=np.float32))[None, None]
        check_finite(grey)
        scale = 1 if image.mode == "F" else 65535
        return (grey / scale).clamp_(0, 1).repeat(1, 3, 1, 1)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    converted = image if image.mode == mode else image.convert(mode)
    return torch.from_numpy(np.array(converted)).permute(2, 0, 1)[None]


# --- writing ----------------------------------------------------------------------------------


def check_output_suffix(path: str | os.PathLike[str]) -> str:
    """Returns the Pillow format that ``path``'s suffix stands for, such as "PNG".

    Raises:
        ValueError: a suffix that ``write_image`` cannot write.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _OUTPUT_FORMATS:
        got = f"got {suffix!r}" if suffix else "got none"
        raise ValueError(
            f"cannot write {path}: expected a file name ending in "
            f"{', '.join(_OUTPUT_FORMATS)}; {got}"
        )
    return _OUTPUT_FORMATS[suffix]


def check_output_size(path: str | os.PathLike[str], size: tuple[int, int]) -> None:
    """Raise ``ImageFileError`` where the suffix's format has no pictures of this height and width.

    ``ValueError`` for a suffix that ``write_image`` cannot write.
    """
    file_format = check_output_suffix(path)
    largest = LARGEST_SIDES.get(file_format)
    if largest is not None and max(size) > largest:
        raise ImageFileError(
            f"cannot write {path}: {file_format} has at most {largest} pixels a side, got "
            f"{size[1]}x{size[0]}; write .png or .tif"
        )


def write_image(
    path: str | os.PathLike[str],
    pixels: Tensor,
    *,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
    overwrite: bool = False,
    quality: int = 95,
) -> None:
    """Writes an image with 8 bits per channel, in the format of the file name's suffix.

    The file appears under its name only when it is complete: an interrupted run leaves neither
    half a file nor a damaged old one.

    Args:
        path: the file; .png, .jpg, .jpeg, .webp, .tif or .tiff.
        pixels: (1, 3|4, H, W) or (3|4, H, W), float, clamped to 0..1, or uint8. JPEG has no
            alpha: the image is laid over white.
        icc_profile: as in ``ImageFile``.
        exif: as in ``ImageFile``.
        overwrite: replace an existing file.
        quality: of JPEG and WebP, 1..100.

    Raises:
        ValueError: an unknown suffix, or pixels or a quality that are out of shape or range.
        ImageFileError: the file exists and ``overwrite`` is False, or it cannot be written.

    Example:
        >>> photo = read_image("photo.jpg")
        >>> write_image("copy.png", photo.pixels, icc_profile=photo.icc_profile, exif=photo.exif)
    """
    file_format = check_output_suffix(path)
    if not 1 <= quality <= 100:
        raise ValueError(f"expected a quality in 1..100, got {quality}")
    check_output_size(path, (pixels.shape[-2], pixels.shape[-1]))
    image = _to_pil(pixels, alpha=file_format != "JPEG")

    options: dict[str, Any] = {"icc_profile": icc_profile, "exif": exif}
    if file_format in ("JPEG", "WEBP"):
        options["quality"] = quality
    if file_format == "JPEG":
        options["subsampling"] = 0  # chroma at full resolution: paintings have coloured edges
        if exif is not None and len(exif) > _JPEG_EXIF_BYTES:
            del options["exif"]  # a PNG's or a TIFF's with a camera's own notes
    if file_format == "TIFF" and exif is not None:
        tags = PIL.Image.Exif()
        tags.load(exif)
        for tag, value in list(tags.items()):
            tags[tag] = _raw(value)  # given as a block, it would be read as Latin-1 again
        options["exif"] = tags
    # TIFF stays uncompressed: Pillow's compressed one cannot hold EXIF.
    options = {name: value for name, value in options.items() if value is not None}

    target = Path(path)
    try:
        if target.is_dir():
            raise ImageFileError(f"cannot write {path}: a folder has that name")
        if target.exists() and not overwrite:
            raise ImageFileError(
                f"cannot write {path}: the file exists; pass overwrite=True (--overwrite on the "
                "command line) to replace it"
            )
        with replace_atomically(target) as temporary:
            image.save(temporary, format=file_format, **options)
    except FileNotFoundError:
        raise ImageFileError(f"cannot write {path}: there is no folder {target.parent}") from None
    except ImageFileError:
        raise
    except Exception as error:  # encoders raise more than OSError
        raise ImageFileError(f"cannot write {path}: {reason(error)}") from error


def _to_pil(pixels: Tensor, *, alpha: bool) -> PIL.Image.Image:
    shape = tuple(pixels.shape)
    if pixels.ndim == 4 and shape[0] == 1:
        pixels = pixels[0]
    if pixels.ndim != 3 or len(pixels) not in (3, 4) or 0 in shape:
        raise ValueError(
            f"expected one image as (1, 3|4, H, W) or (3|4, H, W) to write, got shape {shape}"
        )
    if not (pixels.is_floating_point() or pixels.dtype == torch.uint8):
        raise ValueError(f"expected float pixels in 0..1 or uint8 to write, got {pixels.dtype}")
    pixels = pixels.detach()
    if pixels.is_floating_point():
        check_finite(pixels)
    flatten = len(pixels) == 4 and not alpha
    height, width = pixels.shape[-2:]
    array = np.empty((height, width, 3 if flatten else len(pixels)), dtype=np.uint8)
    # In bands, so that no float copy of a large picture is made.
    for top in range(0, height, _BAND):
        band = pixels[:, top : top + _BAND].cpu()
        if flatten:
            band = as_float(band).clamp(0, 1)
            band = band[:3] * band[3:] + (1 - band[3:])
        array[top : top + _BAND] = as_uint8(band).permute(1, 2, 0).numpy()
    return PIL.Image.fromarray(array)


# --- images in memory -------------------------------------------------------------------------


def to_tensor(image: ImageLike) -> Tensor:
    """Turns any image into the library's form: (B, 3, H, W), or (B, 4, H, W) with alpha.

    Args:
        image: one of

            - a tensor (C, H, W) or (B, C, H, W) with C = 1, 3 or 4,
            - a NumPy array (H, W), (H, W, C) or (B, H, W, C),
            - a Pillow image, converted and turned upright as ``read_image`` does,
            - what ``read_image`` returns, or the path of an image file.

            Tensors and arrays hold floats in 0..1 (a slight overshoot is left as it is), uint8
            or uint16.

    Returns:
        float32 in 0..1, grey repeated to three channels, on the tensor's device. A float32 RGB
        tensor is returned without a copy.

    Raises:
        ValueError: a wrong layout, type or range of values, NaN or infinite values, no pixels.
        TypeError: not an image of any of these kinds.
        ImageFileError: the file cannot be read.
    """
    return as_float(to_pixels(image))


def to_pixels(image: ImageLike) -> Tensor:
    """As :func:`to_tensor`, but uint8 stays uint8, without a copy where there is a way."""
    if isinstance(image, torch.Tensor):
        return checked(image)
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, PIL.Image.Image):
        return _from_pil(image).pixels
    if isinstance(image, ImageFile):
        return image.pixels
    if isinstance(image, (str, os.PathLike)):
        return read_image(image, keep_uint8=True).pixels
    raise TypeError(
        "expected an image as a torch tensor, a NumPy array, a Pillow image or a path, "
        f"got {type(image).__name__}"
    )


def _from_array(array: np.ndarray[Any, Any]) -> Tensor:
    shape = array.shape
    if array.ndim not in (2, 3, 4) or (array.ndim > 2 and shape[-1] not in CHANNELS):
        moves = {3: "1, 2, 0", 4: "0, 2, 3, 1"}
        hint = layout_hint(shape, -3, "channels-first: use array.transpose", moves)
        raise ValueError(
            "expected a NumPy image as (H, W), (H, W, C) or (B, H, W, C) with 1, 3 or 4 channels, "
            f"got shape {shape}{hint}"
        )
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    elif array.dtype == np.uint8:
        array = np.require(array, requirements=["C", "W"])  # torch knows no others
        if min(array.strides) < 0:  # of an axis of length 1, which NumPy does not mind
            array = array.copy()
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2:
        array = array.astype(np.uint16)
    else:
        raise ValueError(
            "expected a NumPy image of floats in 0..1, uint8 or uint16, "
            f"got dtype {array.dtype.name}"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    if array.dtype != np.uint8:
        array = np.ascontiguousarray(np.moveaxis(array, -1, -3))
        return checked(torch.from_numpy(array))
    return checked(torch.from_numpy(array).movedim(-1, -3))


# --- lists of files ---------------------------------------------------------------------------


def list_images(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    also: Sequence[str] = (),
) -> list[Path]:
    """Expands files, folders and glob patterns into image files, in order, without duplicates.

    Args:
        paths: image files (kept even if missing: reading reports that), folders (their image
            files by suffix, sorted by name, not those of subfolders; hidden files are skipped),
            and patterns such as ``photos/*.jpg``, for shells that do not expand them.
        also: suffixes of other files that count, such as ``.safetensors``.

    Raises:
        ImageFileError: a folder or a pattern without image files, or one that cannot be read.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    found: dict[Path, Path] = {}
    for path in paths:
        try:
            for file in _expand(Path(path), {*_INPUT_SUFFIXES, *also}):
                found.setdefault(file.absolute(), file)
        except OSError as error:  # no permission, or a name that is too long
            raise ImageFileError(f"cannot read {path}: {reason(error)}") from None
    return list(found.values())


def _expand(path: Path, suffixes: Container[str]) -> list[Path]:
    if path.is_dir():
        kind, candidates = "folder", path.iterdir()
    elif not path.exists() and any(sign in str(path) for sign in "*?["):
        # Path.glob takes no absolute pattern: search from the root or the current folder.
        start = Path(path.anchor or ".")
        kind, candidates = "pattern", start.glob(str(path.relative_to(path.anchor)))
    else:
        return [path]
    files = sorted(
        file
        for file in candidates
        if file.suffix.lower() in suffixes and file.name[0] != "." and file.is_file()
    )
    if not files:
        raise ImageFileError(f"found no image files in the {kind} {path}")
    return files
