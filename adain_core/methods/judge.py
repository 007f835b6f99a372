"""The methods in the same table as the models: their pictures of every pair, judged by the VGG."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from torch import Tensor

from ..errors import WeightsError
from ..evaluation import Pairs, Scores
from ..options import StylizeOptions
from .feedforward import FeedForward
from .network import TransferNetwork
from .network_file import NetworkInfo
from .tasks import Method


def judge_method(
    make: Callable[[StylizeOptions], Method], pairs: Pairs
) -> Iterator[tuple[int, int, Tensor, Scores]]:
    """Judge a method's pictures of every pair.

    Args:
        make: makes the method for a request of one artwork.
        pairs: content-style pairs.

    Yields:
        Numbers of content and style, picture ``(1, 3, size, size)`` in 0..1, scores.
    """
    methods = [make(StylizeOptions(image, style_size=0)) for image in pairs.styles]
    for content, style in pairs:
        picture = methods[style](pairs.contents[content])
        yield content, style, picture, pairs.judge(content, style, picture)


def judge_network(
    info: NetworkInfo, network: TransferNetwork, pairs: Pairs
) -> Iterator[tuple[int, int, Tensor, Scores]]:
    """Judge the pictures of a network that was trained for the pairs' artworks.

    Args:
        info: names of its styles: the artworks' file names without suffix.
        network: the network.
        pairs: content-style pairs.

    Yields:
        As :func:`judge_method`.

    Raises:
        WeightsError: at once, where the network has not learnt one of the artworks.
    """
    names = [Path(name).stem for name in pairs.style_names]
    missing = [name for name in names if name not in info.styles]
    if missing:
        raise WeightsError(
            f"expected a network that has learnt the artwork {missing[0]}, got one of "
            f"{', '.join(info.styles)}; judge it on its own artworks"
        )
    methods = [FeedForward(network, info.styles, StylizeOptions(name)) for name in names]

    def judge() -> Iterator[tuple[int, int, Tensor, Scores]]:
        for content, style in pairs:
            picture = methods[style](pairs.contents[content])
            yield content, style, picture, pairs.judge(content, style, picture)

    return judge()
