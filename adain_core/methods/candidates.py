"""The methods as candidates of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from torch import Tensor

from ..errors import WeightsError
from ..evaluation.candidates import Artworks, Candidate
from ..options import StylizeOptions
from .feedforward import FeedForward
from .network import TransferNetwork
from .network_file import NetworkInfo
from .tasks import Method


class MethodCandidate(Candidate):
    """A method.

    Args:
        artworks: the artworks.
        make: creates the method for the options of one artwork.
    """

    def __init__(self, artworks: Artworks, make: Callable[[StylizeOptions], Method]) -> None:
        super().__init__(artworks)
        self._methods = [make(StylizeOptions(image, style_size=0)) for image in artworks.styles]

    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the photo in the style of each artwork."""
        for method in self._methods:
            yield method(photo)


class NetworkCandidate(Candidate):
    """A network that was trained for the artworks.

    Args:
        artworks: the artworks.
        info: metadata of the network; its styles are the artworks' file names without suffix.
        network: the network.

    Raises:
        WeightsError: the network has not learned one of the artworks.
    """

    def __init__(self, artworks: Artworks, info: NetworkInfo, network: TransferNetwork) -> None:
        super().__init__(artworks)
        names = [Path(name).stem for name in artworks.style_names]
        missing = [name for name in names if name not in info.styles]
        if missing:
            raise WeightsError(
                f"expected a network that has learned the artwork {missing[0]}, got one of "
                f"{', '.join(info.styles)}; evaluate it on its own artworks"
            )
        self._methods = [FeedForward(network, info.styles, StylizeOptions(name)) for name in names]

    def __call__(self, photo: Tensor) -> Iterator[Tensor]:
        """Yield the photo in the style of each artwork."""
        for method in self._methods:
            yield method(photo)
