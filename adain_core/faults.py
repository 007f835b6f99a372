"""Why a picture has NaN or infinite values: the model, a style, or the precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from .errors import NotFiniteError
from .style import Style
from .transfer import adain

if TYPE_CHECKING:
    from .model import AdaINModel


def explain_not_finite(model: AdaINModel, styles: Sequence[Style]) -> str:
    """Return what makes a picture NaN, found by drawing a small one with the same.

    Args:
        model: that drew the picture.
        styles: that it was drawn in.
    """
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    features = model.encode(noise)

    def is_finite(style: Style) -> bool:
        try:
            model.decode(adain(features, style))
        except NotFiniteError:
            return False
        return True

    half = model.dtype == torch.float16
    if not is_finite(model.encode_style(noise, size=0)):
        cause = f"the model {model.name!r}"
        advice = "use fp32 or bf16, or another model" if half else "its weights are too large"
    elif bad := [style for style in styles if not is_finite(style)]:
        largest = max(float(value.abs().max()) for value in (bad[0].mean, bad[0].std))
        cause = f"the style {bad[0].name or 'without a name'!r}, with statistics of {largest:.3g}"
        advice = "encode its artwork again" + (", or use fp32" if half else "")
    else:
        cause = f"the precision {str(model.dtype).removeprefix('torch.')}"
        advice = "use fp32" if half else "the picture's values are too far apart for it"
    return f"the picture has NaN or infinite values; they come from {cause}: {advice}"
