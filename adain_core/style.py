"""Encoded images: ``Style`` of an artwork, ``Features`` of a photo."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import os
import reprlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .engine.strokes import Strokes
from .errors import OptionError, StyleMismatchError, WeightsError, require_kind
from .functional import Palette, Statistics
from .images.previews import join_previews
from .networks.architecture import Fusion
from .utils.dense import require_plain
from .utils.files import check_tensors_suffix
from .utils.serialization import read_tensors, write_tensors
from .utils.text import printable

STYLE_KIND = "adain-style"
# Where ComfyUI's model library looks for thumbnails: base64 in a JSON list.
_PREVIEWS = "ssmd_cover_images"
# Characters of a fingerprint that are shown; the library's own have 12.
_ENCODER = 50
# Tensors of a palette by their names in files, and their shapes.
PALETTE_SHAPES = {"palette_mean": (3,), "palette_covariance": (3, 3)}


@dataclass(frozen=True, repr=False, eq=False)
class Style:
    """The style of an artwork: mean and standard deviation of each feature channel.

    Args:
        mean: ``(C,)``, float32, on the CPU.
        std: ``(C,)``, float32, on the CPU, 0 or more.
        fingerprint: of the encoder that made it (``AdaINModel.fingerprint``).
        name: for display only.
        previews: JPEG thumbnails of the artworks and their shares, for display only.
        closeup: mean and std of the artwork at twice the size, likewise; ``None``: ``mean`` and
            ``std`` for all sizes. Passes above 512 pixels use it, so that strokes grow with the
            image (Gatys et al., CVPR 2017, also scale the artwork with each pass).
        palette: mean ``(3,)`` and covariance ``(3, 3)`` of the artwork's colors, likewise; coarse
            to fine stylizes the photo in these colors. ``None``: in its own.

    Raises:
        ValueError: tensors of other shapes, a negative std, or no floats.
        TypeError: no tensors, or no text.

    Example:
        >>> wave, stars = model.encode_style("wave.jpg"), model.encode_style("stars.jpg")
        >>> Style.mix([wave, stars], weights=[3, 1]).save("mixed.safetensors")
    """

    mean: Tensor
    std: Tensor
    fingerprint: str
    name: str = ""
    previews: tuple[tuple[bytes, float], ...] = ()
    closeup: Statistics | None = None
    palette: Palette | None = None

    def __post_init__(self) -> None:
        for name in ("fingerprint", "name"):
            require_kind(name, getattr(self, name), str, "text")
        for name, value in self.tensors.items():
            require_kind(name, value, Tensor, "a tensor (C,)")
            require_plain(value, f"a style's {name}")
            if not value.is_floating_point():
                raise ValueError(f"expected a style's {name} as floats, got {value.dtype}")
            if name in PALETTE_SHAPES:
                if tuple(value.shape) != PALETTE_SHAPES[name]:
                    raise ValueError(
                        f"expected a style's {name} as {PALETTE_SHAPES[name]}, "
                        f"got {tuple(value.shape)}"
                    )
                if value.ndim == 2 and (value.diagonal() < 0).any():
                    least = float(value.diagonal().min())
                    raise ValueError(
                        f"expected a style's {name} with variances of 0 or more, got {least}"
                    )
                continue
            if value.ndim != 1 or 0 in value.shape or value.shape != self.mean.shape:
                shapes = f"{tuple(value.shape)} and a mean of {tuple(self.mean.shape)}"
                raise ValueError(f"expected a style's {name} as (C,), like its mean, got {shapes}")
            if name.endswith("std") and (value < 0).any():
                raise ValueError(
                    f"expected a style's {name} as 0 or more, got {float(value.min())}"
                )

    def __repr__(self) -> str:
        # Short: a host prints its nodes' inputs.
        name = reprlib.repr(self.name) if self.name else "unnamed"
        encoder = printable(self.fingerprint, _ENCODER)  # of a file, any text
        return f"Style({name}, {len(self.mean)} channels, encoder {encoder})"

    def __eq__(self, other: object) -> bool:
        """Whether all statistics and the encoder are the same; name and previews do not count."""
        if not isinstance(other, Style):
            return NotImplemented
        return (
            self.fingerprint == other.fingerprint
            and self.tensors.keys() == other.tensors.keys()
            and all(torch.equal(each, other.tensors[name]) for name, each in self.tensors.items())
        )

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All statistics, by their names in a file."""
        named = {"mean": self.mean, "std": self.std}
        if self.closeup is not None:
            named["closeup_mean"], named["closeup_std"] = self.closeup
        if self.palette is not None:
            named["palette_mean"], named["palette_covariance"] = self.palette
        return named

    @property
    def is_finite(self) -> bool:
        """Whether no statistics are NaN or infinite, as those of a failed encoding are."""
        return all(bool(each.isfinite().all()) for each in self.tensors.values())

    def statistics(self, closeness: float = 0.0) -> Statistics:
        """Return mean and std for a size of the artwork.

        Args:
            closeness: 0: as encoded, 1: at twice the size; interpolated in between.
        """
        if closeness == 0 or self.closeup is None:
            return self.mean, self.std
        mean, std = self.closeup
        return torch.lerp(self.mean, mean, closeness), torch.lerp(self.std, std, closeness)

    @property
    def preview(self) -> bytes:
        """A JPEG thumbnail, for a mix in strips as wide as its shares; may be empty."""
        return join_previews(self.previews)

    @classmethod
    def mix(cls, styles: Sequence[Style], weights: Sequence[float] | None = None) -> Style:
        """Return a weighted mean of styles. AdaIN is linear in μ and σ, so results mix alike.

        Args:
            styles: one or more styles of the same encoder.
            weights: one per style, 0 or more; only their ratio matters. ``None``: equal weights.

        Returns:
            The style with ``Σ wᵢ μᵢ`` and ``Σ wᵢ σᵢ`` for weights that sum to 1. It has a closeup
            if one of them has, and a palette if all have one, but for those of weight 0.

        Raises:
            ValueError: no style, or invalid weights.
            TypeError: something else instead of styles or numbers.
            StyleMismatchError: the styles come from different encoders.
        """
        require_kind("styles", styles, Sequence, "a list of Style")
        for style in styles:
            require_kind("styles", style, Style, "a list of Style")
        shares = normalized_weights(weights, len(styles))
        for style in styles[1:]:
            require_same_encoder(styles[0], style)
        mean, std = _mix([s.statistics() for s in styles], shares)
        closeup = None
        if any(s.closeup is not None for s in styles):
            closeup = _mix([s.statistics(1) for s in styles], shares)
        used = [(s.palette, share) for s, share in zip(styles, shares, strict=True) if share]
        palettes = [palette for palette, _ in used if palette is not None]
        palette = None
        if len(palettes) == len(used):
            palette = _mix(palettes, [share for _, share in used])
        names = dict.fromkeys(s.name for s, w in zip(styles, shares, strict=True) if w and s.name)
        previews: dict[bytes, float] = {}
        for each, weight in zip(styles, shares, strict=True):
            for data, part in each.previews if weight else ():
                previews[data] = previews.get(data, 0) + weight * part
        name = " + ".join(names)
        return cls(
            mean, std, styles[0].fingerprint, name, tuple(previews.items()), closeup, palette
        )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write a safetensors file of a few kB, atomically.

        The file includes the thumbnail; save ``dataclasses.replace(style, previews=())`` to leave
        it out.

        Args:
            path: the file (``.safetensors``).
            overwrite: replace an existing file.

        Raises:
            ValueError: NaN or infinite statistics, or another suffix.
            WeightsError: the file cannot be written, or exists and must not be replaced.
        """
        check_tensors_suffix(path)
        if not self.is_finite:
            raise ValueError(
                f"cannot save {self!r}: it has NaN or infinite values; encode the artwork again"
            )
        metadata = {"encoder": self.fingerprint, "name": self.name}
        if preview := self.preview:
            metadata[_PREVIEWS] = json.dumps([base64.b64encode(preview).decode()])
        write_tensors(path, STYLE_KIND, self.tensors, metadata, overwrite)

    def is_saved_as(self, path: str | os.PathLike[str]) -> bool:
        """Whether a file holds this style, its name and its preview already.

        Saving it again would change the file all the same: its metadata have no fixed order.
        """
        try:
            saved = Style.load(path)
        except WeightsError:
            return False
        return saved == self and (saved.name, saved.preview) == (self.name, self.preview)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Style:
        """Read a file written by :meth:`save`.

        Raises:
            WeightsError: the file is missing, damaged, or no style file.
        """
        tensors, metadata = read_tensors(path, STYLE_KIND)
        # As they are used: some floats of 64 bits are infinite then.
        floats = {name: each.float() for name, each in tensors.items() if each.is_floating_point()}
        named = metadata.get("encoder", ""), metadata.get("name", "")
        with contextlib.suppress(KeyError, ValueError):  # a tensor is missing, or does not fit
            closeup = None
            if floats.keys() & {"closeup_mean", "closeup_std"}:
                closeup = floats["closeup_mean"], floats["closeup_std"]
            palette = None
            if floats.keys() & PALETTE_SHAPES.keys():
                palette = floats["palette_mean"], floats["palette_covariance"]
            style = cls(
                floats["mean"], floats["std"], *named, _read_previews(metadata), closeup, palette
            )
            if style.is_finite:
                return style
        raise WeightsError(f"{path}: expected {_STATISTICS}")


def _mix(statistics: Sequence[Statistics], shares: Sequence[float]) -> Statistics:
    means, stds = zip(*statistics, strict=True)
    return _weighted_sum(means, shares), _weighted_sum(stds, shares)


def _weighted_sum(values: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    stacked = torch.stack([*values])
    share = torch.tensor(shares, dtype=stacked.dtype, device=stacked.device)
    # No matrix product: autocast would round it to half precision.
    return (share.view(-1, *[1] * (stacked.ndim - 1)) * stacked).sum(dim=0)


def _read_previews(metadata: Mapping[str, str]) -> tuple[tuple[bytes, float], ...]:
    # A damaged preview counts as none.
    with contextlib.suppress(KeyError, ValueError, TypeError, IndexError, RecursionError):
        return ((base64.b64decode(json.loads(metadata[_PREVIEWS])[0]), 1.0),)
    return ()


_STATISTICS = (
    "finite vectors 'mean' and 'std' of one length, std 0 or more; 'closeup_mean' and "
    "'closeup_std' like them, or neither; 'palette_mean' (3,) and 'palette_covariance' (3, 3), or "
    "neither"
)


class StyleCache:
    """A cache of recent styles, keyed by the content of their artworks.

    Args:
        size: number of styles, 2 to 8 kB each.
    """

    def __init__(self, size: int = 64) -> None:
        self.styles: OrderedDict[bytes, Style] = OrderedDict()
        self._size = size

    def get(self, key: Sequence[object], encode: Callable[[], Style]) -> Style:
        """Return the cached style of a key, or encode it.

        Args:
            key: everything that the style depends on; tensors count by shape and content.
            encode: makes the style.
        """
        digest = _digest(key)
        # Each step is atomic: several threads may share a model.
        style = self.styles.pop(digest, None) or encode()
        self.styles[digest] = style
        while len(self.styles) > self._size:
            with contextlib.suppress(KeyError):
                self.styles.popitem(last=False)
        return style


def _digest(key: Sequence[object]) -> bytes:
    """Return a hash of a key; tensors count by shape and content."""
    digest = hashlib.blake2b(digest_size=16)
    for part in key:
        if isinstance(part, Tensor):
            digest.update(f"{part.dtype} {tuple(part.shape)};".encode())
            digest.update(part.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        else:
            digest.update(f"{part!r};".encode())
    return digest.digest()


@dataclass(frozen=True, repr=False, eq=False)
class Features:
    """Encoded images: relu4_1, and what decoding needs to restore their size.

    Args:
        tensor: ``(B, C, h, w)``; ``(B, 3C, h, w)`` after :func:`adain` for ``fusion="concat"``.
        size: height and width of the images, pixels.
        fingerprint: of the encoder that made them.
        fusion: how the model fuses content and style.
        opacity: alpha channel of the images, ``(B, 1, H, W)``, or ``None``.
        closeness: to the artwork, see :meth:`Style.statistics`; above 0 in later passes of a large
            image.
        regions: weight of each region with its own style at each pixel, ``(B, regions, H, W)``, by
            which halos are removed; ``None`` without masks.
        strokes: of a smaller pass, which the decoded images keep; ``None`` in a first pass.
    """

    tensor: Tensor
    size: tuple[int, int]
    fingerprint: str
    fusion: Fusion = "adain"
    opacity: Tensor | None = None
    closeness: float = 0.0
    regions: Tensor | None = None
    strokes: Strokes | None = None

    def __repr__(self) -> str:
        height, width = self.size
        encoder = printable(self.fingerprint, _ENCODER)
        return f"Features({len(self.tensor)} of {width}x{height} px, encoder {encoder})"


def require_same_encoder(one: Any, other: Any) -> None:
    """Check that two objects (``Style``, ``Features``, model) belong to the same encoder.

    Raises:
        StyleMismatchError: they do not; the message names both.
        TypeError: one of them is something else, such as an image.
    """
    for thing in (one, other):
        if not hasattr(thing, "fingerprint"):
            raise TypeError(
                "expected what a model has encoded (Style of encode_style, Features of encode), "
                f"got {type(thing).__name__}"
            )
    if one.fingerprint != other.fingerprint:
        raise StyleMismatchError(
            f"{other!r} does not fit {one!r}: they come from different encoders; encode the "
            "image again with the current model"
        )


def normalized_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    """Return the weights of styles divided by their sum.

    Args:
        weights: one per style; ``None``: equal weights.
        count: number of styles, at least 1.

    Raises:
        OptionError: no style, the wrong number of weights, or weights that are negative, not
            finite or all zero.
    """
    if count == 0:
        raise OptionError("styles", "must hold at least one style, got none")
    if weights is None:
        return [1 / count] * count
    try:
        values = [float(weight) for weight in weights]
    except (TypeError, ValueError):
        raise TypeError(f"weights must be numbers, one for each style, got {weights!r}") from None
    if len(values) != count:
        raise OptionError(
            "weights", f"must have one number for each style ({count}), got {len(values)}"
        )
    if not all(math.isfinite(value) and value >= 0 for value in values):
        raise OptionError("weights", f"must be finite and 0 or more, got {values}")
    # Divided by the largest first: the sum of huge weights would overflow.
    largest = max(values)
    if largest == 0:
        raise OptionError("weights", "are all 0: give at least one style more than 0")
    values = [value / largest for value in values]
    return [value / sum(values) for value in values]
