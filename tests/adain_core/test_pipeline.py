"""Images tile by tile: all that stylize does, in bounded memory, in float32 and uint8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from adain_core import AdaINModel, Architecture, adain
from adain_core.choices import TEMPORAL_MODES
from adain_core.pixels import as_uint8
from adain_core.temporal import TemporalPool

MakeImage = Callable[..., Tensor]
WHOLE = 4096

SOFT = torch.rand(2, 40, 30, generator=torch.Generator().manual_seed(9))
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "alpha": {"alpha": 0.6},
    "zero": {"alpha": 0},
    "residual": {"alpha": 0.6, "content_residual": True},
    "luminance": {"preserve_color": "luminance"},
    "coral": {"preserve_color": "coral"},
    "mask": {"masks": [SOFT]},
    "global": {"masks": [SOFT], "region_statistics": False, "alpha": 0.8},
    "all": {
        "masks": [SOFT],
        "alpha": 0.7,
        "content_residual": True,
        "preserve_color": "luminance",
    },
    "background": {"masks": [SOFT], "background": True},
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


@pytest.fixture(scope="module")
def stylize(make_image: MakeImage) -> Callable[..., Tensor]:
    """Stylizes with one artwork, and another as background where the options say so."""
    artwork, other = make_image(90, 80, seed=5), make_image(80, 90, seed=6)

    def run(model: AdaINModel, content: Any, **options: Any) -> Tensor:
        if options.get("background"):
            options["background"] = other
        return model.stylize(content, [artwork], **options)

    return run


def eight_bits(image: Tensor) -> Tensor:
    return (image * 255).round().byte()


# --- tiles change nothing ------------------------------------------------------------------------


@every_option
@pytest.mark.parametrize("size", [(203, 170), (67, 131)])
def test_tiled_equals_whole(
    tiny: AdaINModel,
    make_image: MakeImage,
    stylize: Callable[..., Tensor],
    options: dict[str, Any],
    size: tuple[int, int],
) -> None:
    content = make_image(*size, batch=2, channels=4)
    whole = stylize(tiny, content, tile=WHOLE, **options)
    tiled = stylize(tiny, content, tile=64, **options)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-4)
    assert torch.equal(tiled[:, 3], content[:, 3])


@pytest.mark.parametrize("options", [{}, OPTIONS["all"]], ids=["plain", "all"])
def test_tiled_equals_whole_with_concat(
    make_model: Callable[..., AdaINModel],
    make_image: MakeImage,
    stylize: Callable[..., Tensor],
    options: dict[str, Any],
) -> None:
    model = make_model(Architecture(widths=(4, 6, 8, 10), fusion="concat"))
    content = make_image(203, 170, batch=2)
    whole = stylize(model, content, tile=WHOLE, **options)
    torch.testing.assert_close(
        stylize(model, content, tile=64, **options), whole, rtol=0, atol=1e-4
    )


def test_instance_normalization_is_not_tiled(
    make_model: Callable[..., AdaINModel], make_image: MakeImage, stylize: Callable[..., Tensor]
) -> None:
    model = make_model(Architecture(widths=(4, 6, 8, 10), normalization="instance"))
    content, steps = make_image(150, 130), []
    whole = stylize(model, content)
    tiled = stylize(model, content, tile=64, progress=lambda *step: steps.append(step))
    assert torch.equal(tiled, whole)
    assert steps == [(1, 2), (2, 2)]


@pytest.mark.parametrize("mode", TEMPORAL_MODES)
def test_frames_together_equal_frames_one_by_one(
    tiny: AdaINModel, make_image: MakeImage, stylize: Callable[..., Tensor], mode: str
) -> None:
    frames = make_image(75, 90, batch=5)
    for tile in (64, 128, WHOLE):  # one frame at a time, two, all
        pool = TemporalPool(mode, 3)
        together = stylize(tiny, frames, smoothing=pool, tile=tile)
        pool = TemporalPool(mode, 3)  # type: ignore[arg-type]
        single = [stylize(tiny, frame, smoothing=pool, tile=tile) for frame in frames]
        torch.testing.assert_close(together, torch.cat(single), rtol=0, atol=1e-4)


# --- 8 bits --------------------------------------------------------------------------------------


@every_option
@pytest.mark.parametrize("tile", [64, WHOLE])
def test_eight_bit_result_is_the_rounded_float_result(
    tiny: AdaINModel,
    make_image: MakeImage,
    stylize: Callable[..., Tensor],
    options: dict[str, Any],
    tile: int,
) -> None:
    content = eight_bits(make_image(133, 90, batch=2, channels=4))
    before = content.clone()
    expected = stylize(tiny, content.float() / 255, tile=tile, **options)
    result = stylize(tiny, content, tile=tile, **options)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)
    rounded = stylize(tiny, content, tile=tile, output_dtype=torch.uint8, **options)
    assert rounded.dtype == torch.uint8
    assert torch.equal(rounded, as_uint8(result))
    assert torch.equal(rounded[:, 3], content[:, 3])
    assert torch.equal(content, before)


def test_every_kind_of_eight_bits(
    tiny: AdaINModel, make_image: MakeImage, stylize: Callable[..., Tensor], tmp_path: Path
) -> None:
    array = eight_bits(make_image(40, 60))[0].permute(1, 2, 0).contiguous().numpy()
    PIL.Image.fromarray(array).save(tmp_path / "a.png")
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    expected = stylize(tiny, tensor.float() / 255)
    frozen = array.copy()
    frozen.setflags(write=False)
    kinds = [tensor, array, frozen, PIL.Image.fromarray(array), tmp_path / "a.png"]
    for content in kinds:
        assert torch.equal(stylize(tiny, content), expected)
        features = tiny.encode(content)
        assert torch.equal(features.tensor, tiny.encode(tensor.float() / 255).tensor)
    flipped = stylize(tiny, array[::-1, ::-1])
    assert torch.equal(flipped, stylize(tiny, np.ascontiguousarray(array[::-1, ::-1])))


@pytest.mark.parametrize("size", [(1, 1), (1, 20), (9, 8), (300, 2)])
def test_eight_bits_of_any_size(
    tiny: AdaINModel, make_image: MakeImage, stylize: Callable[..., Tensor], size: tuple[int, int]
) -> None:
    content = eight_bits(make_image(*size))
    result = stylize(tiny, content, tile=64, output_dtype=torch.uint8)
    assert torch.equal(result, as_uint8(stylize(tiny, content.float() / 255, tile=64)))


def test_eight_bits_resized(
    tiny: AdaINModel, make_image: MakeImage, stylize: Callable[..., Tensor]
) -> None:
    content = eight_bits(make_image(60, 90, channels=4))
    result = stylize(tiny, content, content_size=40)
    expected = stylize(tiny, content.float() / 255, content_size=40)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


def test_decode_eight_bits(tiny: AdaINModel, make_image: MakeImage) -> None:
    content = eight_bits(make_image(61, 90, channels=4))
    features = adain(tiny.encode(content), tiny.encode_style(make_image(64, 64, seed=1)))
    for tile in (64, None):
        result = tiny.decode(features, tile=tile, output_dtype=torch.uint8)
        assert torch.equal(result, as_uint8(tiny.decode(features, tile=tile)))
        assert torch.equal(result[:, 3], content[:, 3])
    with pytest.raises(ValueError, match=r"output_dtype must be torch\.float32 or torch\.uint8"):
        tiny.decode(features, output_dtype=torch.float16)


# --- progress, cancel, memory --------------------------------------------------------------------


def test_progress_counts_tiles(
    tiny: AdaINModel, make_image: MakeImage, stylize: Callable[..., Tensor]
) -> None:
    def steps(work: Callable[..., object], **options: Any) -> list[tuple[int, int]]:
        seen: list[tuple[int, int]] = []
        work(tile=64, progress=lambda *step: seen.append(step), **options)
        return seen

    def counted(total: int) -> list[tuple[int, int]]:
        return [(done, total) for done in range(1, total + 1)]

    content = make_image(203, 170, batch=2)  # 26 x 22 cells: 4 x 3 tiles
    features = tiny.encode(content)
    one, both = content[:1], content
    assert steps(lambda **o: tiny.encode(both, **o)) == counted(12)
    assert steps(lambda **o: tiny.decode(features, **o)) == counted(12)
    assert steps(lambda **o: stylize(tiny, one, **o)) == counted(24)
    assert steps(lambda **o: stylize(tiny, both, **o)) == counted(48)
    assert steps(lambda **o: stylize(tiny, both, preserve_color="coral", **o)) == counted(48)
    assert steps(lambda **o: stylize(tiny, both, alpha=0, **o)) == counted(12)
    residual = steps(lambda **o: stylize(tiny, one, alpha=0.5, content_residual=True, **o))
    assert residual == counted(24)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("out of memory"), MemoryError])
@pytest.mark.parametrize("last", [2, 15])
def test_an_exception_in_progress_ends_the_work(
    tiny: AdaINModel, make_image: MakeImage, stylize: Callable[..., Tensor], error: Any, last: int
) -> None:
    seen = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if done == last:
            raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        stylize(tiny, make_image(203, 170), tile=64, progress=progress)
    assert seen == list(range(1, last + 1))


class Failing(nn.Module):
    """Has no memory for one call, the seventh."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.calls = network, 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == 7:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return self.network(inputs)


@pytest.mark.parametrize("network", ["encoder", "decoder"])
def test_out_of_memory_in_the_middle(
    make_model: Callable[..., AdaINModel],
    make_image: MakeImage,
    stylize: Callable[..., Tensor],
    network: str,
) -> None:
    model, content, steps = make_model(), make_image(300, 410), []
    expected = stylize(model, content, tile=WHOLE)
    style = model.encode_style(make_image(90, 80, seed=5))
    failing = Failing(getattr(model.networks, f"run_{network}"))
    setattr(model.networks, f"run_{network}", failing)
    result = model.stylize(content, style, tile=128, progress=lambda *s: steps.append(s))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-4)
    # 3 x 4 tiles; the six that are left when the seventh fails become four each.
    each = 6 + 4 * 6
    assert failing.calls == each + 1
    assert [done for done, _ in steps] == list(range(1, len(steps) + 1))
    assert steps[-1] == (len(steps), len(steps))
    assert steps[0] == (1, 24)


class LargestFloat(TorchDispatchMode):
    """Keeps the number of values of the largest float tensor that any operation gives."""

    values = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.is_floating_point():
                self.values = max(self.values, leaf.numel())
        return result


@every_option
def test_no_float_copy_of_the_image_is_made(
    tiny: AdaINModel, make_image: MakeImage, stylize: Callable[..., Tensor], options: dict[str, Any]
) -> None:
    """Not even of one channel: all that is float is a tile, features or the small first pass."""
    if options.get("masks"):
        options = {**options, "masks": [SOFT[:1]]}
    content = eight_bits(make_image(1000, 900, channels=4))
    largest = LargestFloat()
    with largest:
        stylize(tiny, content, tile=128, output_dtype=torch.uint8, **options)
    # Recoloring takes the colors of the content at the artwork's size, channel by channel.
    limit = 1000 * 900 if options.get("preserve_color") == "coral" else 1000 * 900 - 1
    assert 0 < largest.values <= limit
