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

from .architecture import Fusion
from .dense import require_plain
from .errors import OptionError, StyleMismatchError, WeightsError
from .previews import join_previews
from .serialization import read_tensors, write_tensors
from .text import printable

STYLE_KIND = "adain-style"
# Where ComfyUI's model library looks for thumbnails: base64 in a JSON list.
_PREVIEWS = "ssmd_cover_images"
# Characters of a fingerprint that are shown; the library's own have 12.
_ENCODER = 50


@dataclass(frozen=True, repr=False, eq=False)
class Style:
    """The style of an artwork: mean and standard deviation of each feature channel.

    Args:
        mean: ``(C,)``, float32, on the CPU.
        std: ``(C,)``, float32, on the CPU, 0 or more.
        fingerprint: of the encoder that made it (``AdaINModel.fingerprint``).
        name: for display only.
        previews: JPEG thumbnails of the artworks and their shares, for display only.

    Example:
        >>> wave, stars = model.encode_style("wave.jpg"), model.encode_style("stars.jpg")
        >>> Style.mix([wave, stars], weights=[3, 1]).save("mixed.safetensors")
    """

    mean: Tensor
    std: Tensor
    fingerprint: str
    name: str = ""
    previews: tuple[tuple[bytes, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            value = getattr(self, name)
            require_plain(value, f"a style's {name}")
            if not value.is_floating_point():
                raise ValueError(f"expected a style's {name} as floats, got {value.dtype}")

    def __repr__(self) -> str:
        # Short: a host prints its nodes' inputs.
        name = reprlib.repr(self.name) if self.name else "unnamed"
        encoder = printable(self.fingerprint, _ENCODER)  # of a file, any text
        return f"Style({name}, {len(self.mean)} channels, encoder {encoder})"

    def __eq__(self, other: object) -> bool:
        """Whether mean, std and encoder are the same; name and previews do not count."""
        if not isinstance(other, Style):
            return NotImplemented
        return (
            self.fingerprint == other.fingerprint
            and torch.equal(self.mean, other.mean)
            and torch.equal(self.std, other.std)
        )

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
            The style with ``Σ wᵢ μᵢ`` and ``Σ wᵢ σᵢ`` for weights that sum to 1.

        Raises:
            ValueError: no style, or invalid weights.
            StyleMismatchError: the styles come from different encoders.
        """
        shares = normalized_weights(weights, len(styles))
        for style in styles[1:]:
            require_same_encoder(styles[0], style)
        mean = torch.stack([s.mean for s in styles])
        std = torch.stack([s.std for s in styles])
        share = torch.tensor(shares, dtype=mean.dtype, device=mean.device)
        names = dict.fromkeys(s.name for s, w in zip(styles, shares, strict=True) if w and s.name)
        previews: dict[bytes, float] = {}
        for each, weight in zip(styles, shares, strict=True):
            for data, part in each.previews if weight else ():
                previews[data] = previews.get(data, 0) + weight * part
        # No matrix product: autocast would round it to half precision.
        mean, std = ((share[:, None] * each).sum(dim=0) for each in (mean, std))
        return cls(mean, std, styles[0].fingerprint, " + ".join(names), tuple(previews.items()))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write a safetensors file of a few kB, atomically.

        The file includes the thumbnail; save ``dataclasses.replace(style, previews=())`` to leave
        it out.

        Args:
            path: the file (``.safetensors``).
            overwrite: replace an existing file.

        Raises:
            ValueError: statistics that :meth:`load` would reject.
            WeightsError: the file cannot be written, or exists and must not be replaced.
        """
        if not _are_statistics(self.mean, self.std):
            raise ValueError(f"cannot save {self!r}: expected {_STATISTICS}")
        metadata = {"encoder": self.fingerprint, "name": self.name}
        if preview := self.preview:
            metadata[_PREVIEWS] = json.dumps([base64.b64encode(preview).decode()])
        tensors = {"mean": self.mean, "std": self.std}
        write_tensors(path, STYLE_KIND, tensors, metadata, overwrite)

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
        mean, std = (_as_float32(tensors.get(name)) for name in ("mean", "std"))
        if mean is None or std is None or not _are_statistics(mean, std):
            raise WeightsError(f"{path}: expected {_STATISTICS}")
        named = metadata.get("encoder", ""), metadata.get("name", "")
        return cls(mean, std, *named, _read_previews(metadata))


def _as_float32(tensor: Tensor | None) -> Tensor | None:
    """Return floats as float32, where some float64 values become infinite."""
    return tensor.float() if tensor is not None and tensor.is_floating_point() else None


def _read_previews(metadata: Mapping[str, str]) -> tuple[tuple[bytes, float], ...]:
    # A damaged preview counts as none.
    with contextlib.suppress(KeyError, ValueError, TypeError, IndexError, RecursionError):
        return ((base64.b64decode(json.loads(metadata[_PREVIEWS])[0]), 1.0),)
    return ()


_STATISTICS = "finite vectors 'mean' and 'std' of one length, std 0 or more"


def _are_statistics(mean: Tensor, std: Tensor) -> bool:
    return (
        mean.ndim == 1
        and len(mean) > 0
        and mean.shape == std.shape
        and mean.is_floating_point()
        and std.is_floating_point()
        and bool(mean.isfinite().all() and std.isfinite().all() and (std >= 0).all())
    )


class StyleCache:
    """A cache of recent styles, keyed by the content of their artworks.

    Args:
        size: number of styles, 2 to 4 kB each.
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
    """

    tensor: Tensor
    size: tuple[int, int]
    fingerprint: str
    fusion: Fusion = "adain"
    opacity: Tensor | None = None

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
    values = [float(weight) for weight in weights]
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
