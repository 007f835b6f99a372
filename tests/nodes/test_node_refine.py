"""AdaIN Refine: the library's image, its steps, what it shows, and what it needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, StylizeOptions
from adain_core.methods import refine
from adain_core.networks.encoder_decoder import Encoder

MakeImage = Callable[..., Tensor]


@pytest.fixture
def narrow(pack: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> AdaINModel:
    """The tests' model counts as wide enough to measure with."""
    return let_measure(pack, model, monkeypatch)


def let_measure(pack: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> AdaINModel:
    widths = model.model.info.architecture.widths
    monkeypatch.setattr(pack.submodule("nodes.library"), "VGG19_WIDTHS", widths)
    measuring: AdaINModel = model.model
    return measuring


@pytest.fixture
def inputs(make_image: MakeImage) -> dict[str, Any]:
    images = {"image": make_image(16, 24, seed=5), "content": make_image(16, 24, seed=1)}
    return {**images, "style_1": make_image(24, 16, seed=2), "steps": 3, "alpha": 1.0}


def refined(vgg: Encoder, inputs: dict[str, Any], **options: Any) -> Tensor:
    """The library's image, as IMAGE."""
    styles = [v.movedim(-1, 1) for k, v in inputs.items() if k.startswith("style_")]
    result, content = (inputs[name].movedim(-1, 1) for name in ("image", "content"))
    request = StylizeOptions(styles, alpha=inputs["alpha"], **options)
    return refine(result, content, request, vgg, inputs["steps"]).movedim(1, -1)


def test_result_equals_the_library(
    pack: Any,
    narrow: AdaINModel,
    inputs: dict[str, Any],
    tiny_path: Path,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "user" / "adain"
    folder.mkdir(parents=True)
    shutil.copy(tiny_path, folder / "adain-vgg19.safetensors")
    (result,) = pack.run("AdaINRefine", **inputs)  # with the model from the folder
    torch.testing.assert_close(result, refined(narrow.encoder, inputs))
    assert (result - inputs["image"]).abs().mean() > 1e-3


def test_styles_in_their_masks_by_a_model_in_half_precision(
    pack: Any, narrow: AdaINModel, inputs: dict[str, Any], make_image: MakeImage
) -> None:
    """It measures in float32 all the same."""
    half = deepcopy(narrow).to(torch.bfloat16)
    mask = torch.zeros(1, 16, 24)
    mask[..., 8:] = 1
    more = {"style_2": make_image(20, 20, seed=4), "mask_1": mask, "mask_2": 1 - mask}
    inputs |= {"alpha": 0.6, **more}
    options = {"feather": 2, "region_statistics": False, "preserve_color": "luminance"}
    model = pack.submodule("nodes.host").ManagedModel(half)
    (result,) = pack.run("AdaINRefine", model=model, **inputs, **options)
    exact = deepcopy(half.encoder).float()
    expected = refined(exact, inputs, masks=[mask[0], 1 - mask[0]], **options)
    torch.testing.assert_close(result, expected)
    assert half.dtype == torch.bfloat16


def test_images_of_a_batch_have_their_own_alphas(
    pack: Any, narrow: AdaINModel, inputs: dict[str, Any], make_image: MakeImage
) -> None:
    manage = pack.submodule("nodes.host").ManagedModel
    inputs |= {"image": make_image(16, 24, 2, seed=5), "alpha": [1.0, 0.3]}
    (result,) = pack.run("AdaINRefine", model=manage(narrow), **inputs)
    for number, alpha in enumerate(inputs["alpha"]):
        one = {**inputs, "image": inputs["image"][number : number + 1], "alpha": alpha}
        torch.testing.assert_close(result[number : number + 1], refined(narrow.encoder, one))


def test_steps_are_shown_and_end_at_cancel(
    host: Any, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    let_measure(host.pack, model, monkeypatch)
    times = iter([10.0, 10.3, 10.6, 10.7])  # after the start and each step
    clock = SimpleNamespace(monotonic=lambda: next(times))
    monkeypatch.setattr(host.pack.submodule("nodes.host"), "time", clock)
    inputs["model"] = model
    host.pack.run("AdaINRefine", **inputs)
    assert host.steps == [(n, 100) for n in (0, 33, 67, 100, 100)]
    assert host.loads == [{"memory_required": 4096 * 16 * 24, "force_full_load": True}]
    (_, start, _), (_, later, _) = host.previews
    first = torch.from_numpy(np.array(start)).float() / 255
    assert (first - inputs["image"][0]).abs().max() <= 0.5 / 255 + 1e-6
    assert later.size == (24, 16) and start.tobytes() != later.tobytes()

    class Steps(list[tuple[int, int]]):
        def append(self, step: tuple[int, int]) -> None:
            super().append(step)
            host.cancelled = step[0] == 33

    host.steps = Steps()
    times = iter(range(100))
    with pytest.raises(host.interruption):
        host.pack.run("AdaINRefine", **inputs)
    assert host.steps == [(0, 100), (33, 100)]


def test_missing_inputs_are_named(
    pack: Any, model: Any, inputs: dict[str, Any], make_image: MakeImage
) -> None:
    with pytest.raises(ValueError, match=r"^model: there is no adain-vgg19 .*Put adain-vgg19\.s"):
        pack.run("AdaINRefine", **inputs)
    with pytest.raises(ValueError, match=r"^model: expected adain-vgg19 or another model of its"):
        pack.run("AdaINRefine", model=model, **inputs)
    with pytest.raises(ValueError, match=r"^image is 24x16 and content 20x16: connect the photo"):
        pack.run("AdaINRefine", model=model, **{**inputs, "content": make_image(16, 20)})
    with pytest.raises(ValueError, match=r"^steps must lie in 1..1000, got 0$"):
        pack.run("AdaINRefine", model=model, **{**inputs, "steps": 0})


def test_artworks_alone(pack: Any, model: Any, narrow: AdaINModel, inputs: dict[str, Any]) -> None:
    assert model.model is narrow
    (style,) = pack.run("AdaINEncodeStyle", model=model, image=inputs["style_1"], style_size=0)
    with pytest.raises(ValueError, match=r"^style_1 contains no image, and refining needs the art"):
        pack.run("AdaINRefine", model=model, **{**inputs, "style_1": style})
    two = inputs["style_1"].expand(2, -1, -1, -1)
    with pytest.raises(ValueError, match=r"^style_1 must be one artwork for refining, got 2"):
        pack.run("AdaINRefine", model=model, **{**inputs, "style_1": two})
