"""Artworks and encoded styles, as the two style transfer nodes take them."""

from __future__ import annotations

from torch import Tensor

from ..adain_core import Style
from ..adain_core.choices import COLOR_METHODS, describe, recolors_artwork
from ..adain_core.pixels import resize_shortest_side
from . import host
from .encode import encode_style
from .images import check_encoder, from_image
from .regions import Layout

# A saved or mixed style, or simply an artwork.
STYLE_TYPE = "IMAGE,ADAIN_STYLE"

PRESERVE_COLOR = (
    ["none", *COLOR_METHODS],
    {
        "default": "none",
        "tooltip": "Keep the content's colors. none: the style's colors. "
        f"{describe(COLOR_METHODS)} All but luminance recolor the artwork first, for every "
        "picture anew, so they need an artwork, not an encoded style.",
    },
)


STYLE = (
    STYLE_TYPE,
    {
        "tooltip": "An artwork, or a style from AdaIN Encode Style, AdaIN Blend or Load AdaIN "
        "Style. A batch of artworks is averaged."
    },
)


class Sources:
    """What the connected style inputs hold, checked before any work.

    Args:
        model: the model.
        laid_out: artworks ``(B, H, W, C)`` and styles, and where they go.
        method: of keeping the content's colors; ``None``: the styles' colors.

    Raises:
        ValueError: a bad IMAGE, another model's style, or a style for a method that recolors
            artworks, by the name of the input.
    """

    def __init__(
        self, model: host.ManagedModel, laid_out: Layout[Tensor | Style], method: str | None
    ) -> None:
        self.recolors = recolors_artwork(method)
        self._model, self._background = model, laid_out.background
        self._sources: dict[int, Tensor | Style] = {}
        for region in laid_out.regions:
            number, source = region.number, region.style
            name = f"style_{number}"
            if not isinstance(source, Style):
                self._sources[number] = from_image(source, name)
                continue
            if self.recolors:
                raise ValueError(
                    f"{name}: preserve_color {method} recolors the artwork, which an encoded "
                    "style has not; connect the artwork, or choose luminance"
                )
            check_encoder(model.model, source, name)
            self._sources[number] = source

    @property
    def pictures(self) -> int:
        """How many artworks there are to encode."""
        artworks = (each for each in self._sources.values() if isinstance(each, Tensor))
        return 0 if self.recolors else sum(map(len, artworks))

    def ready(
        self, size: int, progress: host.Progress
    ) -> tuple[list[Tensor | Style], Tensor | Style | None]:
        """The styles, encoded; artworks where their colors depend on the content.

        Args:
            size: of an artwork's shorter side, pixels; 0: as it is.
            progress: told after each artwork.

        Returns:
            Styles, or artworks ``(B, C, H, W)`` of that size: those that mix or have masks, and the
            background.
        """
        sources = {number: self._ready(number, size, progress) for number in self._sources}
        free = self._background
        background = None if free is None else sources.pop(free.number)
        return list(sources.values()), background

    def _ready(self, number: int, size: int, progress: host.Progress) -> Tensor | Style:
        source = self._sources[number]
        if isinstance(source, Style):
            return source
        if self.recolors:
            return resize_shortest_side(source, size) if size else source
        return encode_style(self._model, source, size, progress)
