"""Style transfer with a feed-forward network trained for one or several styles.

Johnson et al. 2016 and Ulyanov et al. 2016/2017: one style. Dumoulin et al. 2017: several styles
and their mixes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..color.methods import visible_colors
from ..engine.tiles import Progress
from ..errors import OptionError
from ..images import ImageLike, to_pixels
from ..options import StylizeOptions
from ..pixels import as_float, resize_shortest_side
from ..utils.devices import no_gradients
from .network import TransferNetwork
from .tasks import finish, refuse_options

SUPPORTED = ("weights", "preserve_color", "content_size")


class FeedForward:
    """Stylizes images with a network, in the styles it was trained for.

    Args:
        network: the network.
        names: names of its styles, in order.
        options: the options. Styles are given by name, or by number from 0, as text: ``"0"``.

    Raises:
        OptionError: an option that does not apply, or a style that the network does not have.
    """

    def __init__(
        self, network: TransferNetwork, names: Sequence[str], options: StylizeOptions
    ) -> None:
        refuse_options(options, "a trained network", SUPPORTED)
        if options.recolors:
            raise OptionError(
                "preserve_color",
                f"must be luminance for a trained network, which has no artwork to recolor, got "
                f"{options.preserve_color}",
            )
        self.network, self.options = network.eval(), options
        self._styles = [
            _find_style(f"styles[{number}]", source, names)
            for number, source in enumerate(options.sources)
        ]

    def __call__(self, content: ImageLike, *, progress: Progress | None = None) -> Tensor:
        """Stylize images.

        Args:
            content: ``(B, 3, H, W)`` or any other image, at least 44 pixels per side.
            progress: called after each image with the number of finished images and their total.

        Returns:
            ``(B, 3, H, W)`` in 0..1; 4 channels if the content has alpha.

        Raises:
            ValueError: not an image, or one that is too small.
            OptionError: the number of weights does not match the images.
        """
        weight = self.network.last.weight
        images = as_float(to_pixels(content))
        if self.options.content_size:
            images = resize_shortest_side(images, self.options.content_size)
        shares = torch.zeros(len(images), self.network.architecture.styles)
        given = self.options.image_shares(len(images))
        shares.index_add_(1, torch.tensor(self._styles), given.to(shares))
        results = []
        with no_gradients(weight.device):
            for number, share in enumerate(shares):
                image = images[number : number + 1]
                result = self.network(
                    visible_colors(image).to(weight), share[None].to(weight)
                ).float()
                results.append(finish(result, image, self.options))
                if progress is not None:
                    progress(number + 1, len(images))
        return torch.cat(results)


def _find_style(field: str, source: object, names: Sequence[str]) -> int:
    """Return the number of a style, given by name or number."""
    text = source if isinstance(source, str) else type(source).__name__
    if text in names:
        return list(names).index(text)
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    known = ", ".join(f"{number} {name}" for number, name in enumerate(names))
    raise OptionError(
        field, f"must be a style of the network, by name or number ({known}), got {text}"
    )
