"""Tensors that hold no plain array of values are refused in a sentence, wherever they come in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, Style

Make = Callable[[Tensor], Tensor]
ODD: dict[str, Make] = {
    "sparse": lambda values: values.to_sparse(),
    "meta": lambda values: values.to("meta"),
    "quantized": lambda values: torch.quantize_per_tensor(values, 0.01, 0, torch.quint8),
    "nested": lambda values: torch.nested.nested_tensor([values[0], values[0]]),
}

pytestmark = [
    pytest.mark.parametrize("kind", ODD),
    pytest.mark.filterwarnings("ignore"),  # torch's, of what it will give up one day
]


def test_images_must_be_dense(kind: str, tiny: AdaINModel) -> None:
    image, odd = torch.rand(1, 3, 20, 24), ODD[kind](torch.rand(1, 3, 20, 24))
    message = f"expected an image as a dense tensor that holds values, got a {kind} one"
    for content, style in ((odd, image), (image, odd)):
        with pytest.raises(ValueError, match=message):
            tiny.stylize(content, style)


def test_masks_must_be_dense(kind: str, tiny: AdaINModel) -> None:
    image = torch.rand(1, 3, 20, 24)
    mask = ODD[kind](torch.ones(1, 20, 24))
    with pytest.raises(
        ValueError, match=rf"masks\[0\] must be a dense tensor .*, got a {kind} one"
    ):
        tiny.stylize(image, image, masks=[mask])


def test_styles_must_be_dense(kind: str) -> None:
    odd, good = ODD[kind](torch.ones(2, 5)), torch.ones(5)
    odd = odd[0] if kind in ("meta", "quantized") else odd
    for mean, std in ((odd, good), (good, odd)):
        with pytest.raises(ValueError, match=rf"a style's \w+ as a dense tensor .* got a {kind} o"):
            Style(mean, std, "ab12")
