"""Find out whether the model, a style or the precision causes NaN or infinite values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ..functional import channel_statistics
from ..style import Style
from ..transfer import adain
from .canvas import Canvas
from .tiled import TiledNetworks


def explain_not_finite(name: str, networks: TiledNetworks, styles: Sequence[Style]) -> str:
    """Return the error message, with the cause found by stylizing a small test image.

    Args:
        name: name of the model.
        networks: networks of the model.
        styles: the styles that were used.
    """
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    canvas = Canvas(noise)
    tiler = networks.tiler(canvas.size, rounds=3 + len(styles))
    features = networks.encode(canvas, tiler)

    def is_finite(style: Style) -> bool:
        seen = [replace(style, mean=m, std=s) for m, s in map(style.statistics, (0.0, 1.0))]
        stylized = torch.cat([adain(features, each).tensor for each in seen])
        stylized = stylized.to(networks.device, networks.dtype)
        return bool(networks.run_decoder(stylized).isfinite().all())

    half = networks.dtype == torch.float16
    mean, std = (value[0].cpu() for value in channel_statistics(features.tensor))
    if not is_finite(Style(mean, std, networks.fingerprint)):
        cause = f"the model {name!r}"
        advice = "use fp32 or bf16, or another model" if half else "its weights are too large"
    elif bad := [style for style in styles if not is_finite(style)]:
        largest = max(float(value.abs().max()) for value in bad[0].tensors.values())
        cause = f"the style {bad[0].name or 'without a name'!r}, with statistics of {largest:.3g}"
        advice = "encode the artwork again" + (", or use fp32" if half else "")
    else:
        cause = f"the precision {str(networks.dtype).removeprefix('torch.')}"
        advice = "use fp32" if half else "the values of the image exceed its range"
    return f"the image has NaN or infinite values, caused by {cause}: {advice}"
