"""Results of pytorch-AdaIN's own code, from the official weights in its layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from adain_core import AdaINModel, load_image
from adain_core.weights import load_info
from adain_core.weights.convert import convert_vgg19

CASES = ("plain", "alpha", "blend", "odd_size", "preserve_color")


@pytest.fixture(scope="module")
def official(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> AdaINModel:
    """The official model: converted, saved and loaded."""
    path = tmp_path_factory.mktemp("official") / "adain-vgg19.safetensors"
    weights = shared / "weights"
    info = convert_vgg19(weights / "vgg_normalised_relu4_1.pth", weights / "decoder.pth", path)
    assert load_info(path) == info
    return AdaINModel.from_pretrained(path, device="cpu", dtype="fp32")


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, dict[str, Any]]:
    text = (shared / "parity" / "cases.json").read_text()
    return {case["name"]: case for case in json.loads(text)}


def test_every_case_is_tested(cases: dict[str, dict[str, Any]]) -> None:
    assert set(cases) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_result_equals_pytorch_adain(
    name: str, official: AdaINModel, cases: dict[str, dict[str, Any]], shared: Path
) -> None:
    case, folder = cases[name], shared / "parity"
    result = official.stylize(
        folder / case["content"],
        [folder / style for style in case["styles"]],
        weights=case["weights"],
        stroke_size="single",
        alpha=case["alpha"],
        preserve_color="coral" if case["preserve_color"] else None,
    )
    expected = load_image(folder / case["expected"])
    assert result.shape == expected.shape
    error = (result - expected).square().mean()
    assert -10 * torch.log10(error) >= 40
