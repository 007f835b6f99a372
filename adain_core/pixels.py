"""Images as tensors: validation, conversion between uint8 and float, and resizing."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import NotFiniteError, OptionError, require_kind
from .functional import Window
from .utils.dense import require_plain

# Allowed distance from 0..1 in images and masks, as from resampling with a sharp filter; larger
# values mean another range.
OVERSHOOT = 0.5
# Above it, values are more likely of 8 bits than too bright.
_BYTES = 4
CHANNELS = (1, 3, 4)
# Shortest side in pixels to which images are resized: more is useless, and numbers overflow.
_LARGEST_SIDE = 65_536
# Pixels: an image of 1x5000 with a shortest side of 512 would have 1,311 million.
_LARGEST_ENLARGEMENT = 2**28
# Rows converted to float at a time when images are reduced.
_BAND = 64
# Weight of transparent pixels, so that the sum is above 0 if all are.
_LEAST_OPACITY = 1e-6


def as_float(pixels: Tensor) -> Tensor:
    """Return uint8 as float32 in 0..1, and floats as float32."""
    if pixels.dtype != torch.uint8:
        return pixels.float()
    # Arrays of Pillow and NumPy are channels-last; the library is channels-first.
    return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def as_uint8(pixels: Tensor) -> Tensor:
    """Return floats clamped to 0..1 and rounded to uint8; uint8 as it is.

    Raises:
        NotFiniteError: NaN or infinite values, which 8 bits would show as black or white.
    """
    if pixels.dtype == torch.uint8:
        return pixels
    check_finite(pixels)
    return pixels.float().clamp(0, 1).mul_(255).round_().byte()


def as_batch(image: Tensor) -> Tensor:
    """Return a tensor image as ``(B, 3 | 4, H, W)``; ``ValueError`` for anything else."""
    require_plain(image, "an image")
    shape = tuple(image.shape)
    if image.ndim not in (3, 4) or shape[-3] not in CHANNELS:
        moves = {3: "2, 0, 1", 4: "0, 3, 1, 2"}
        hint = layout_hint(shape, -1, "channels-last: use image.permute", moves)
        raise ValueError(
            "expected a tensor image as (C, H, W) or (B, C, H, W) with 1, 3 or 4 channels, "
            f"got shape {shape}{hint}"
        )
    if 0 in shape:
        raise ValueError(f"expected an image with pixels, got shape {shape}")

    if image.dtype == torch.uint16:
        image = image.float() / 65535
    elif image.is_floating_point():
        image = image.float()
        _check_range(image)
    elif image.dtype != torch.uint8:
        raise ValueError(
            f"expected a tensor image of floats in 0..1, uint8 or uint16, got {image.dtype}"
        )
    if image.ndim == 3:
        image = image[None]
    return image.repeat(1, 3, 1, 1) if image.shape[1] == 1 else image


def layout_hint(shape: tuple[int, ...], axis: int, words: str, moves: dict[int, str]) -> str:
    """Return what to do where the channels seem to lie on another axis; empty if they do not.

    Args:
        shape: of the image.
        axis: the other one.
        words: its name, and the call that moves it.
        moves: the call's arguments by the number of dimensions.
    """
    if len(shape) not in moves or shape[axis] not in CHANNELS:
        return ""
    return f"; it looks {words}({moves[len(shape)]})"


def _check_range(image: Tensor) -> None:
    check_finite(image)
    low, high = (value.item() for value in image.detach().aminmax())
    if high <= 1 + OVERSHOOT and low >= -OVERSHOOT:
        return
    if low < -OVERSHOOT:
        hint = "it looks like -1..1 or mean-subtracted: undo that normalization"
    else:
        hint = "it looks like 0..255: divide by 255" if high > _BYTES else "scale or clamp it"
    raise ValueError(f"expected image values in 0..1, got {low:.4g}..{high:.4g}; {hint}")


def check_finite(image: Tensor) -> None:
    """Raise ``NotFiniteError`` where an image ``(…, C, H, W)`` has NaN or infinite values."""
    if image.dtype == torch.uint8:
        return
    # NaN and infinity come through minimum and maximum; counting them is for the message alone.
    if all(math.isfinite(value.item()) for value in image.detach().aminmax()):
        return
    count = int((~image.isfinite()).any(dim=-3).sum())
    raise NotFiniteError(
        f"image has NaN or infinite values at {count} pixel{'s' if count > 1 else ''}"
    )


def resize_shortest_side(images: Tensor, size: int) -> Tensor:
    """Resize so that the shorter side has ``size`` pixels, with antialiased bilinear filtering.

    The longer side is rounded down.

    Args:
        images: ``(B, C, H, W)``, float, or uint8, which becomes float32 in 0..1.
        size: pixels, at least 1.

    Returns:
        ``(B, C, H', W')``; ``images`` itself where the shorter side has that size already.

    Raises:
        ValueError: a size below 1, or a tensor that is not ``(B, C, H, W)``.
        TypeError: a size that is not a whole number.
    """
    require_kind("size", size, Integral, "a whole number of pixels")
    if size < 1:
        raise ValueError(f"expected a size of at least 1 pixel, got {size}")
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"expected images as (B, C, H, W), got shape {tuple(images.shape)}")
    wanted = fit_shortest_side((images.shape[2], images.shape[3]), size)
    return images if wanted == tuple(images.shape[2:]) else resize(images, wanted)


def check_size(field: str, size: int) -> None:
    """Check a shortest side in pixels; 0 stands for the size that an image has.

    Args:
        field: its name in the message.
        size: the shortest side.

    Raises:
        OptionError: it is negative or above 65,536.
        TypeError: it is not a whole number.
    """
    require_kind(field, size, Integral, "a whole number of pixels")
    if not 0 <= size <= _LARGEST_SIDE:
        raise OptionError(field, f"must lie in 0..{_LARGEST_SIDE} pixels, got {size}")


def fit_shortest_side(size: tuple[int, int], shortest: int) -> tuple[int, int]:
    """Return height and width with a shortest side of so many pixels; 0: as they are.

    Raises:
        ValueError: that would enlarge a narrow image beyond 268 megapixels.
    """
    if not shortest:
        return size
    # The longer side is never below the shorter: rounding down keeps at least `shortest` pixels.
    height, width = (shortest * length // min(size) for length in size)
    if shortest > min(size) and height * width > _LARGEST_ENLARGEMENT:
        raise ValueError(
            f"a shortest side of {shortest} pixels makes {width}x{height} pixels of an image of "
            f"{size[1]}x{size[0]}, more than {_LARGEST_ENLARGEMENT // 10**6} megapixels; choose a "
            "smaller size"
        )
    return height, width


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize ``(B, C, H, W)``, float or uint8, to a height and width; antialiased bilinear, float.

    Colors count by their opacity, or what a cut-out hides would run into its edges.
    """
    if images.shape[1] == 4:
        opacity = as_float(images[:, 3:])
        # Where all is transparent something must count, if only a little.
        weight = opacity + _LEAST_OPACITY
        total = resize(weight, size)
        colors = [
            resize(as_float(color) * weight, size) / total
            for color in torch.split(images[:, :3], 1, dim=1)
        ]
        return torch.cat([*colors, resize(opacity, size)], dim=1)
    if images.dtype == torch.uint8:
        # Channel by channel: of a large image only one becomes float at its full size.
        channels = torch.split(images, 1, dim=1)
        return torch.cat([resize(as_float(channel), size) for channel in channels], dim=1)
    if images.device.type == "mps":
        # Not there before torch 2.7.
        return resize(images.cpu(), size).to(images.device)
    if size[1] == 1 < size[0]:
        # For one column torch 2.13 repeats the first row on a CPU; for one row it does not.
        return resize(images.mT, (1, size[0])).mT
    return F.interpolate(images, size, mode="bilinear", antialias=True)


def reduce_uint8(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return smaller images as uint8, as :func:`resize` does, without float copies.

    Args:
        images: ``(B, 3|4, H, W)``, float in 0..1 or uint8, with the same result.
        size: height and width.

    Returns:
        ``(B, 3|4, h, w)``, uint8; transparent pixels are black.
    """
    height, width = size
    reduced = []
    for top in range(0, height, _BAND):
        band = slice(top, min(height, top + _BAND))
        rows = _resize_rows(images, height, band, _premultiply)
        part = _resize_columns(rows, width, slice(0, width))
        if images.shape[1] == 4:
            opacity = part[:, 3:]
            part = torch.cat([part[:, :3] / opacity.clamp_min(_LEAST_OPACITY), opacity], dim=1)
        reduced.append(as_uint8(part))
    return torch.cat(reduced, dim=2)


def _premultiply(images: Tensor) -> Tensor:
    """Return images as floats; colors of RGBA times opacity."""
    if images.shape[1] == 3:
        return as_float(images)
    opacity = as_float(images[:, 3:])
    return torch.cat([as_float(images[:, :3]) * opacity, opacity], dim=1)


def resize_window(images: Tensor, size: tuple[int, int], window: Window | None = None) -> Tensor:
    """Resize ``(B, C, H, W)`` to a height and width, antialiased; only a part of it is computed.

    The triangle filter of ``F.interpolate(mode="bilinear", antialias=True)``, which can give the
    whole only: resizing a crop would put its samples at other places between the pixels.

    Args:
        images: float, or uint8, of which the result is float in 0..1.
        size: height and width of the whole result.
        window: the part of the result that is wanted; ``None``: all of it.
    """
    rows, columns = window or (slice(None),) * 2
    images = _resize_rows(images, size[0], rows)
    return _resize_columns(images, size[1], columns)


def _resize_columns(images: Tensor, width: int, part: slice) -> Tensor:
    # Rows are contiguous, columns are not: copying both ways is faster.
    return _resize_rows(images.mT.contiguous(), width, part).mT.contiguous()


def _resize_rows(
    images: Tensor,
    height: int,
    part: slice,
    prepare: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return some rows of ``images``, prepared as floats, resized to a height."""
    floating = images.is_floating_point()
    to_float = prepare or ((lambda part: part) if floating else as_float)
    source = images.shape[-2]
    scale = source / height
    reach = max(scale, 1.0)
    # Named devices: a script may have made another one the default.
    steps = torch.arange(*part.indices(height), dtype=torch.float64, device="cpu")
    centers = (steps + 0.5) * scale
    first = (centers - reach + 0.5).floor().long()
    taps = first[:, None] + torch.arange(math.ceil(2 * reach), device="cpu")
    weights = (1 - (taps + 0.5 - centers[:, None]).abs() / reach).clamp_min(0)
    weights *= (taps >= 0) & (taps < source)
    dtype = images.dtype if floating else torch.float32
    weights = (weights / weights.sum(dim=1, keepdim=True)).to(images.device, dtype)
    taps = taps.clamp(0, source - 1).to(images.device)
    # What is selected is a copy, so it can be multiplied and added up in place.
    terms = (
        to_float(images.index_select(-2, tap)).mul_(weight[:, None])
        for tap, weight in zip(taps.T, weights.T, strict=True)
    )
    resized: Tensor = functools.reduce(Tensor.add_, terms)
    return resized


def enlarge_window(
    read: Callable[[Window], Tensor], have: tuple[int, int], size: tuple[int, int], window: Window
) -> Tensor:
    """Enlarge maps to a height and width, bilinear; only a part is read and computed.

    Args:
        read: gives a window of the maps, ``(B, C, h, w)``, float32.
        have: height and width of the maps.
        size: height and width of the whole result, each at least that of the maps.
        window: the part of the result that is wanted.
    """
    source, grid = [], []
    for length, enlarged, part in zip(have, size, window, strict=True):
        steps = torch.arange(*part.indices(enlarged), dtype=torch.float64, device="cpu")
        places = ((steps + 0.5) * length / enlarged - 0.5).clamp(0, length - 1)
        first, last = int(places[0]), min(length, int(places[-1]) + 2)
        source.append(slice(first, last))
        # As grid_sample counts: -1 and 1 are the centers of the first and the last pixel.
        grid.append(((places - first) * (2 / max(1, last - first - 1)) - 1).float())
    y, x = torch.meshgrid(*grid, indexing="ij")
    maps = read((source[0], source[1]))
    points = torch.stack([x, y], dim=-1).to(maps.device).expand(len(maps), -1, -1, -1)
    result: Tensor = F.grid_sample(maps, points, align_corners=True)
    return result


def luma(image: Tensor) -> Tensor:
    """Return the luma of RGB images ``(B, 3, H, W)``: Y of YIQ (Rec. 601), ``(B, 1, H, W)``."""
    red, green, blue = torch.split(image, 1, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def widen(x: Tensor) -> Tensor:
    """Return a tensor as float64 if the device supports it, else as float32."""
    # MPS, DirectML and many Intel GPUs do not support float64.
    return x.to(torch.float64 if x.device.type in ("cpu", "cuda") else torch.float32)


def mean_around(maps: Tensor, radius: int) -> Tensor:
    """Return the mean over a square around each place of ``(B, C, H, W)``, reflected at borders."""
    return _mean_along_rows(_mean_along_rows(maps, radius).mT, radius).mT


def _mean_along_rows(maps: Tensor, radius: int) -> Tensor:
    length = maps.shape[3]
    radius = min(radius, length - 1)
    sums = F.pad(maps, (radius, radius, 0, 0), mode="reflect")
    total, start, width, side = torch.zeros_like(maps), 0, 1, 2 * radius + 1
    # Of 1, 2, 4, … neighbors: each digit of the side in base 2 adds one.
    while width <= side:
        if side & width:
            total = total + sums[..., start : start + length]
            start += width
        sums = sums[..., width:] + sums[..., :-width]
        width *= 2
    return total / side
