"""What style transfer nodes are asked for, as the library's request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..adain_core import Style
from ..adain_core.engine.passes import closeness
from ..adain_core.masks import feather_mask, region_weights, resize_mask
from ..adain_core.options import StylizeOptions
from ..adain_core.temporal import Temporal, TemporalPool
from . import host
from .batches import numbers, take
from .errors import check_encoder, named_errors
from .images import from_image, from_mask
from .inputs import check_limits, declared_inputs, is_placeholder, read_style_size

NUMBERS = (1, 2, 3, 4)
# The options of the library that an input of the same name sets.
_SAME = ("feather", "region_statistics", "content_residual", "stroke_size", "photo_share")

Source = Tensor | Style


@dataclass(frozen=True)
class Request:
    """The inputs of a style transfer node, or of AdaIN Refine, checked before any work.

    Attributes:
        styles: styles to mix or with masks, by the name of their input: artworks ``(B, C, H, W)``
            or encoded styles.
        masks: ``(B, 1, H, W)`` of any size, by the name of their input; empty if styles are mixed.
        background: the style without a mask that fills the rest, by the name of its input.
        weights: weights of mixed styles, by the name of their input, one for all images or one for
            each.
        alphas: one for all images or one for each.
        options: options of the library, the same for all images.
        temporal: pooling of the statistics of frames.
        temporal_length: number of frames.
    """

    styles: dict[str, Source]
    masks: dict[str, Tensor]
    background: dict[str, Source]
    weights: dict[str, list[float]]
    alphas: list[float]
    options: dict[str, Any]
    temporal: Temporal
    temporal_length: int

    @classmethod
    def read(cls, node: Any, inputs: Mapping[str, Any]) -> Request:
        """Return the request of a node.

        Args:
            node: the node; it declares the defaults of the inputs.
            inputs: inputs by name.

        Raises:
            ValueError: a wrong input; the message names it.
        """
        declared = declared_inputs(node)
        defaults = {name: options.get("default") for name, (_, options) in declared.items()}
        given: dict[str, Any] = {**defaults, **inputs}
        check_limits("feather", given["feather"], declared["feather"])
        styles, masks, background = _place(given)
        # The weight of a single style has no effect.
        shares = [] if masks or len(styles) == 1 else [f"weight_{name[-1]}" for name in styles]
        weights = {name: numbers(given[name], name) for name in shares}
        method = given["preserve_color"]
        options = {name: given[name] for name in _SAME if name in given}
        options |= {
            "preserve_color": None if method == "none" else method,
            "style_size": read_style_size(given["style_size"]),
            "tile": given.get("tile") or None,
            "feather": given["feather"] if masks else 0,
        }
        alphas = numbers(given["alpha"], "alpha")
        request = cls(
            styles,
            masks,
            background,
            weights,
            alphas,
            options,
            given.get("temporal", "frame"),
            given.get("temporal_length", 1),
        )
        if masks and not background and request.temporal == "frame":
            require_region(masks)  # in a video, a tracked subject may leave the frame
        with named_errors(request.names):
            request.build()
            request.pool()
        return request

    @property
    def changing(self) -> dict[str, int]:
        """Number of alphas and weights, by the names of their inputs."""
        values = {"alpha": self.alphas, **self.weights}
        return {name: len(each) for name, each in values.items()}

    @property
    def mask_counts(self) -> dict[str, int]:
        """Number of masks, by the names of their inputs."""
        return {name: len(mask) for name, mask in self.masks.items()}

    @property
    def recolors(self) -> bool:
        """Whether artworks are recolored for each image."""
        return self.build().recolors

    @property
    def artworks(self) -> int:
        """Number of artworks that :meth:`encode` encodes."""
        sources = (*self.styles.values(), *self.background.values())
        artworks = [each for each in sources if isinstance(each, Tensor)]
        return 0 if self.recolors else sum(map(len, artworks))

    def pool(self) -> TemporalPool:
        """Return a new pool for the statistics of frames."""
        return TemporalPool(self.temporal, self.temporal_length)

    def check_model(self, model: host.ManagedModel) -> None:
        """Reject styles of another model.

        Raises:
            ValueError: a style of another model; the message names its input.
        """
        for name, source in {**self.styles, **self.background}.items():
            if isinstance(source, Style):
                check_encoder(model.model, source, name)

    def encode(
        self, model: host.ManagedModel, size: tuple[int, int], progress: host.Progress
    ) -> Request:
        """Return the request with encoded artworks, unless they are recolored for each image.

        Args:
            model: the model.
            size: height and width of the images, pixels.
            progress: progress bar of the node.
        """
        if self.recolors:
            return self

        def encoded(source: Source) -> Source:
            if isinstance(source, Style):
                return source
            network = model.load(*source.shape[2:])
            with progress.work(len(source)) as tile:
                return network.encode_style(
                    source,
                    size=self.options["style_size"],
                    progress=tile,
                    closeup=closeness(size, self.options["stroke_size"]) > 0,
                )

        with named_errors(self.names):
            return replace(
                self,
                styles={name: encoded(source) for name, source in self.styles.items()},
                background={name: encoded(source) for name, source in self.background.items()},
            )

    def build(self, part: slice | None = None) -> StylizeOptions:
        """Return the library's options for a part of the images; ``None``: for all."""
        images = slice(None) if part is None else part
        weights = None
        if self.weights:
            columns = [take(each, images) for each in self.weights.values()]
            count = max(map(len, columns))
            columns = [each if len(each) == count else each * count for each in columns]
            weights = [list(row) for row in zip(*columns, strict=True)]
        masks = [take(mask, images) for mask in self.masks.values()] or None
        return StylizeOptions(
            tuple(self.styles.values()),
            weights=weights,
            masks=masks,
            background=next(iter(self.background.values()), None),
            alpha=take(self.alphas, images),
            **self.options,
        )

    def covered(self, size: tuple[int, int]) -> Tensor | None:
        """Return how far styles cover the first image, ``(1, 1, H, W)``; ``None``: completely.

        Args:
            size: height and width of the image.
        """
        if not self.masks or self.background:
            return None
        masks = [resize_mask(mask[:1], size) for mask in self.masks.values()]
        soft = [feather_mask(mask, self.options["feather"]) for mask in masks]
        return region_weights(soft, size).sum(dim=0)

    @property
    def names(self) -> dict[str, str]:
        """Names of the inputs by the library's parameters."""
        names = {f"styles[{number}]": name for number, name in enumerate(self.styles)}
        names |= {f"masks[{number}]": name for number, name in enumerate(self.masks)}
        names["background"] = " and ".join(self.background)
        names["weights"] = " and ".join(self.weights)
        return names


def require_region(masks: Mapping[str, Tensor]) -> None:
    """Reject masks that select nothing.

    Batches of masks may: a tracked subject can leave the frame.

    Args:
        masks: ``(B, 1, H, W)`` each, by the name of its input.

    Raises:
        ValueError: all are single and black.
    """
    if not any(len(mask) > 1 or mask.any() for mask in masks.values()):
        raise ValueError(
            f"{next(iter(masks))} is black everywhere, so there is no region to stylize: look at "
            "the node that it comes from (for Load Image, paint one: right-click the image, Open "
            "in Mask Editor), or leave masks out for the whole image"
        )


def connected_regions(
    given: Mapping[str, Any],
) -> Iterator[tuple[str, Any, str, Tensor | None]]:
    """Yield the connected styles and their masks: names of the inputs and values.

    Args:
        given: inputs by name.

    Raises:
        ValueError: a mask without its style, or an invalid mask; the message names it.
    """
    for number in NUMBERS:
        name, place = f"style_{number}", f"mask_{number}"
        style, mask = given.get(name), given.get(place)
        if style is None and mask is not None:
            raise ValueError(f"{place} has no style: connect {name}, or disconnect {place}")
        if style is not None:
            yield name, style, place, None if mask is None else from_mask(mask, place)


def _place(
    given: Mapping[str, Any],
) -> tuple[dict[str, Source], dict[str, Tensor], dict[str, Source]]:
    """Return styles, masks and background by the names of their inputs."""
    places = {f"mask_{number}": given.get(f"mask_{number}") for number in NUMBERS}
    for place, mask in places.items():
        source = host.source_type(given.get("graph"), given.get("node_id"), place)
        places[place] = None if is_placeholder(mask, source) else mask
    given = {**given, **places}
    styles: dict[str, Source] = {}
    free: dict[str, Source] = {}
    masks: dict[str, Tensor] = {}
    for name, style, place, mask in connected_regions(given):
        read = style if isinstance(style, Style) else from_image(style, name)
        (free if mask is None else styles)[name] = read
        if mask is not None:
            masks[place] = mask
    if not masks:
        return free, {}, {}
    if len(free) > 1:
        raise ValueError(
            f"{' and '.join(free)} have no masks, while others have: connect their masks; only one "
            "style can fill the rest of the image"
        )
    return styles, masks, free
