"""Tiles: the same image as without, for sizes that are no multiples of a tile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from adain_core import AdaINModel
from adain_core.engine.canvas import Canvas
from adain_core.engine.tiled import TiledDecoder, TiledNetworks, decode
from adain_core.engine.tiles import (
    HALO_CELLS,
    SMALLEST_TILE,
    Tile,
    Tiler,
    automatic_tile,
    check_tile,
)
from adain_core.functional import crop

MakeImage = Callable[..., Tensor]
CPU = torch.device("cpu")


class Counting(nn.Module):
    """Records the sizes that a network sees; fails above a number of pixels."""

    def __init__(self, network: nn.Module, limit: float = float("inf")) -> None:
        super().__init__()
        self.network, self.limit, self.seen = network, limit, []

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen.append(tuple(inputs.shape[2:]))
        if inputs.shape[2] * inputs.shape[3] > self.limit:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried too much")
        return self.network(inputs)


def encode(model: AdaINModel, image: Tensor, tile: int, network: nn.Module | None = None) -> Tensor:
    networks = TiledNetworks(model.encoder, model.decoder, model.info.architecture, "encoder-a")
    networks.run_encoder = network or model.encoder
    canvas = Canvas(image)
    with torch.no_grad():
        return networks.encode(canvas, networks.tiler(canvas.size, tile)).tensor


def decoded(model: AdaINModel, features: Tensor, tile: int) -> Tensor:
    rows, columns = features.shape[2:]
    image = torch.full((len(features), 3, 8 * rows, 8 * columns), float("nan"))
    tiler, size = Tiler((rows, columns), tile), (8 * rows, 8 * columns)
    with torch.no_grad():
        decoder = TiledDecoder(model.decoder, features, tiler, size, CPU, torch.float32)
        decode(decoder, None, image)
    return image


@pytest.mark.parametrize("size", [(201, 323), (330, 72), (65, 64), (150, 129)])
@pytest.mark.parametrize("tile", [64, 100])
def test_tiled_networks_equal_whole_ones(
    tiny: AdaINModel, make_image: MakeImage, size: tuple[int, int], tile: int
) -> None:
    image = make_image(*size)
    features = tiny.encoder(image)
    torch.testing.assert_close(encode(tiny, image, tile), features, rtol=1e-4, atol=1e-5)
    expected = tiny.decoder(features).clamp(0, 1)
    torch.testing.assert_close(decoded(tiny, features, tile), expected, rtol=1e-4, atol=1e-5)


def test_halo_is_needed(
    tiny: AdaINModel, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The halo is as wide as the receptive field, not wider than a cell more."""
    image = make_image(201, 323)
    features = tiny.encoder(image)
    monkeypatch.setattr("adain_core.engine.tiles.HALO_CELLS", 3)
    assert not torch.allclose(encode(tiny, image, 64), features, atol=1e-5)
    expected = tiny.decoder(features).clamp(0, 1)
    assert not torch.allclose(decoded(tiny, features, 64), expected, atol=1e-5)


@given(rows=st.integers(2, 60), columns=st.integers(2, 60), tile=st.integers(64, 300))
def test_tiles_cover_the_map_once(rows: int, columns: int, tile: int) -> None:
    tiler, covered, shapes = Tiler((rows, columns), tile), torch.zeros(rows, columns), set()

    def work(part: Tile) -> None:
        crop(covered, part.cells).add_(1)
        assert max(part.bottom - part.top, part.right - part.left) <= tile // 8
        outer = tiler.outer(part)
        shapes.add((outer.bottom - outer.top, outer.right - outer.left))
        assert 0 <= outer.top <= max(0, part.top - HALO_CELLS)
        assert 0 <= outer.left <= max(0, part.left - HALO_CELLS)
        assert min(rows, part.bottom + HALO_CELLS) <= outer.bottom <= rows
        assert min(columns, part.right + HALO_CELLS) <= outer.right <= columns

    tiler.run(work)
    assert (covered == 1).all()
    assert len(shapes) == 1


def test_network_sees_no_more_than_tile_and_halo(tiny: AdaINModel, make_image: MakeImage) -> None:
    counting = Counting(tiny.encoder)
    encode(tiny, make_image(300, 300), 64, counting)
    assert len(counting.seen) == 25
    assert max(max(size) for size in counting.seen) == 64 + 2 * 32


def test_tiles_are_halved_until_they_fit(tiny: AdaINModel, make_image: MakeImage) -> None:
    image = make_image(300, 300)
    counting = Counting(tiny.encoder, limit=150**2)
    result = encode(tiny, image, 512, counting)
    torch.testing.assert_close(result, tiny.encoder(image), rtol=1e-4, atol=1e-5)
    # 38 cells, then 19 and a halo of 8, then 10 and the halo.
    assert counting.seen[:3] == [(300, 300), (216, 216), (144, 144)]
    assert len(counting.seen) == 2 + 16
    with pytest.raises(MemoryError, match="not enough memory for a tile of 64 pixels"):
        encode(tiny, image, 512, Counting(tiny.encoder, limit=100))


def test_finished_tiles_are_kept() -> None:
    """Memory runs out in the middle: what is done is not done again, the rest is halved."""
    steps: list[tuple[int, int]] = []
    tiler = Tiler((32, 32), 128, lambda *step: steps.append(step), rounds=2)
    covered, failed = torch.zeros(32, 32), []

    def work(part: Tile) -> None:
        if len(steps) == 2 and not failed:
            failed.append(part)
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        crop(covered, part.cells).add_(1)

    tiler.run(work)
    assert failed == [(16, 32, 0, 16)]
    assert (covered == 1).all()
    tiler.run(work)
    assert (covered == 2).all()
    # Two tiles of four, the others as four each, and the second round with the small ones.
    assert steps == [(1, 8), (2, 8), *((done, 2 + 8 + 16) for done in range(3, 27))]


def test_a_tiler_without_tiles_runs_once() -> None:
    seen = []
    Tiler((100, 7), None).run(seen.append)
    assert seen == [(0, 100, 0, 7)]

    def work(_: Tile) -> None:
        raise MemoryError

    with pytest.raises(MemoryError, match="a tile of 800 pixels"):
        Tiler((100, 7), None).run(work)


def test_other_errors_pass(tiny: AdaINModel) -> None:
    with pytest.raises(RuntimeError, match="channels"):
        encode(tiny, torch.rand(1, 3, 80, 80), 64, Counting(tiny.decoder))


def test_automatic_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without a device the largest there can be.
    assert automatic_tile(64, torch.float32) == 1182
    assert automatic_tile(16, torch.float32) == 2 * 1182
    assert automatic_tile(16, torch.float32, batch=4) == 1182
    assert automatic_tile(4096, torch.float32) >= SMALLEST_TILE
    monkeypatch.setattr("adain_core.engine.tiles.free_memory", lambda device: 2**30)
    gpu = torch.device("cuda")
    assert automatic_tile(16, torch.float32, gpu) == int((2**29 / (3 * 16 * 4)) ** 0.5)
    assert automatic_tile(16, torch.float32, CPU) == 1024
    reserved = automatic_tile(16, torch.float32, CPU, reserved=2**30 - 2**24)
    assert reserved == int((2**23 / (3 * 16 * 4)) ** 0.5)
    assert automatic_tile(16, torch.float32, CPU, reserved=2**40) == SMALLEST_TILE
    monkeypatch.setattr("adain_core.engine.tiles.free_memory", lambda device: None)
    assert automatic_tile(64, torch.float32, gpu) == 1182
    assert automatic_tile(64, torch.float32, CPU, reserved=2**40) == 1024


@pytest.mark.parametrize("tile", [0, -1, 63])
def test_small_tiles_are_refused(tiny: AdaINModel, tile: int) -> None:
    with pytest.raises(ValueError, match=f"tile must be 64 pixels or more, got {tile}"):
        check_tile(tile)
    with pytest.raises(ValueError, match="tile must be"):
        tiny.encode(torch.rand(1, 3, 20, 20), tile=tile)
    with pytest.raises(ValueError, match="tile must be"):
        tiny.stylize(torch.rand(1, 3, 20, 20), torch.rand(1, 3, 20, 20), tile=tile)
