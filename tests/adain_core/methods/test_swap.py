"""Style swap as a method: reconstruction, alpha, the two layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, Architecture
from adain_core.errors import OptionError
from adain_core.methods.descent import DescentOptions, Step
from adain_core.methods.patches import swap_patches
from adain_core.methods.swap import StyleSwap
from adain_core.options import StylizeOptions

MakeImage = Callable[..., Tensor]


def test_a_photo_swapped_with_itself_is_its_reconstruction(
    tiny: AdaINModel, make_image: MakeImage
) -> None:
    photo = make_image(48, 64, seed=1)
    swapped = StyleSwap(tiny, StylizeOptions(photo))(photo)
    torch.testing.assert_close(swapped, tiny.decode(tiny.encode(photo)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("alpha", [0.25, 1.0])
def test_style_swap_decodes_swapped_features(
    tiny: AdaINModel, make_image: MakeImage, alpha: float
) -> None:
    photo, artwork = make_image(48, 64, seed=1), make_image(56, 48, seed=2)
    content, style = (tiny.encode(image).tensor for image in (photo, artwork))
    features = torch.lerp(content, swap_patches(content, style), alpha)
    expected = tiny.decoder(features).clamp(0, 1)
    result = StyleSwap(tiny, StylizeOptions(artwork, alpha=alpha))(photo)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def test_at_relu3_1_a_result_gets_the_swapped_features(
    tiny: AdaINModel, make_image: MakeImage
) -> None:
    photo, artwork = make_image(32, 40, seed=1), make_image(40, 32, seed=2)
    steps: list[Step] = []
    swap = StyleSwap(
        tiny, StylizeOptions(artwork), layer="relu3_1", inversion=DescentOptions(steps=80)
    )
    result = swap(photo, watch=steps.append)
    content, style = (tiny.encoder.levels(image)[2] for image in (photo, artwork))
    expected = swap_patches(content, style)
    before, after = (
        (tiny.encoder.levels(image)[2] - expected).square().mean() for image in (photo, result)
    )
    assert after < 0.3 * before
    assert steps[-1].content == pytest.approx((after / expected.square().mean()).item(), rel=0.2)


def test_a_batch_is_stylized_image_by_image(tiny: AdaINModel, make_image: MakeImage) -> None:
    photos, artwork = make_image(48, 64, 2, seed=1), make_image(56, 48, seed=2)
    told: list[tuple[int, int]] = []
    swap = StyleSwap(tiny, StylizeOptions(artwork))
    both = swap(photos, progress=lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]
    torch.testing.assert_close(both[1:], swap(photos[1:]))


def test_unsupported_options_are_refused(
    tiny: AdaINModel, make_model: Callable[..., AdaINModel], make_image: MakeImage
) -> None:
    artwork = make_image(40, 32)
    with pytest.raises(OptionError, match="styles must be one for style swap, got 2"):
        StyleSwap(tiny, StylizeOptions((artwork, artwork)))
    with pytest.raises(OptionError, match="masks does not go with style swap"):
        StyleSwap(tiny, StylizeOptions(artwork, masks=[torch.ones(4, 4)]))
    with pytest.raises(OptionError, match=r"styles\[0\] contains no image"):
        StyleSwap(tiny, StylizeOptions(tiny.encode_style(artwork)))
    with pytest.raises(OptionError, match="layer must be one of relu4_1, relu3_1, got 'relu5_1'"):
        StyleSwap(tiny, StylizeOptions(artwork), layer="relu5_1")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="patch must be 1 feature or more, got 0"):
        StyleSwap(tiny, StylizeOptions(artwork), patch=0)
    concat = make_model(Architecture(widths=(4, 6, 8, 10), fusion="concat"))
    with pytest.raises(ValueError, match="got one of fusion 'concat'"):
        StyleSwap(concat, StylizeOptions(artwork))
    with pytest.raises(ValueError, match="patches of 1 to 2 features, got 3"):
        StyleSwap(tiny, StylizeOptions(artwork))(make_image(16, 40))
