"""Tiles: the same picture as without, for sizes that are multiples of nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from adain_core import AdaINModel, Architecture
from adain_core.tiles import (
    SMALLEST_TILE,
    automatic_tile,
    check_tile,
    decode_tiled,
    encode_tiled,
)

Picture = Callable[..., Tensor]


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


@pytest.mark.parametrize("size", [(201, 323), (330, 72), (65, 64), (150, 129)])
@pytest.mark.parametrize("tile", [64, 100])
def test_tiled_networks_equal_whole_ones(
    tiny: AdaINModel, picture: Picture, size: tuple[int, int], tile: int
) -> None:
    image = picture(*size)
    features = tiny.encoder(image)
    torch.testing.assert_close(
        encode_tiled(tiny.encoder, image, tile), features, rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(
        decode_tiled(tiny.decoder, features, tile), tiny.decoder(features), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("fusion", ["adain", "concat"])
def test_tiled_pictures_equal_whole_ones(
    make_model: Callable[..., AdaINModel], picture: Picture, fusion: str
) -> None:
    model = make_model(Architecture(widths=(4, 6, 8, 10), fusion=fusion))  # type: ignore[arg-type]
    photo, painting, mask = picture(203, 170, batch=2, channels=4), picture(90, 80, seed=5), None
    for mask in (None, [torch.rand(40, 30)]):
        whole = model.stylize(photo, painting, alpha=0.7, masks=mask, content_residual=True)
        tiled = model.stylize(
            photo, painting, alpha=0.7, masks=mask, content_residual=True, tile=64
        )
        torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-4)
    assert torch.equal(tiled[:, 3], photo[:, 3])


def test_halo_is_needed(
    tiny: AdaINModel, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The halo is as wide as the receptive field, not wider than a cell more."""
    image = picture(201, 323)
    features = tiny.encoder(image)
    monkeypatch.setattr("adain_core.tiles.HALO_CELLS", 3)
    assert not torch.allclose(encode_tiled(tiny.encoder, image, 64), features, atol=1e-5)
    decoded = decode_tiled(tiny.decoder, features, 64)
    assert not torch.allclose(decoded, tiny.decoder(features), atol=1e-5)


def test_instance_normalization_is_not_tiled(
    make_model: Callable[..., AdaINModel], picture: Picture
) -> None:
    model = make_model(Architecture(widths=(4, 6, 8, 10), normalization="instance"))
    photo, painting = picture(150, 130), picture(64, 64, seed=5)
    whole = model.stylize(photo, painting)
    torch.testing.assert_close(model.stylize(photo, painting, tile=64), whole, rtol=1e-4, atol=1e-4)


def test_network_sees_no_more_than_tile_and_halo(tiny: AdaINModel, picture: Picture) -> None:
    counting = Counting(tiny.encoder)
    encode_tiled(counting, picture(300, 300), 64)
    assert len(counting.seen) == 25
    assert max(max(size) for size in counting.seen) == 64 + 2 * 32


def test_tiles_are_halved_until_they_fit(tiny: AdaINModel, picture: Picture) -> None:
    image = picture(300, 300)
    counting = Counting(tiny.encoder, limit=200**2)
    result = encode_tiled(counting, image, 512)
    torch.testing.assert_close(result, tiny.encoder(image), rtol=1e-4, atol=1e-5)
    assert counting.seen[:2] == [(300, 300), (288, 288)]  # 512, 256 + 32, then 128 + 64
    with pytest.raises(MemoryError, match="not enough memory for a tile of 64 pixels"):
        encode_tiled(Counting(tiny.encoder, limit=100), image, 512)


def test_other_errors_pass(tiny: AdaINModel) -> None:
    with pytest.raises(RuntimeError, match="channels"):
        encode_tiled(tiny.encoder, torch.rand(1, 5, 80, 80), 64)


def test_automatic_tile() -> None:
    assert automatic_tile(64, torch.float32) == 1182
    assert automatic_tile(16, torch.float32) == 2 * 1182
    assert automatic_tile(4096, torch.float32) >= SMALLEST_TILE


@pytest.mark.parametrize("tile", [0, -1, 63])
def test_small_tiles_are_refused(tiny: AdaINModel, tile: int) -> None:
    with pytest.raises(ValueError, match=f"tile must be 64 pixels or more, got {tile}"):
        check_tile(tile)
    with pytest.raises(ValueError, match="tile must be"):
        tiny.encode(torch.rand(1, 3, 20, 20), tile=tile)
