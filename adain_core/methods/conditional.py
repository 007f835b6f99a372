"""Conditional instance normalization: one pair of scale and shift for each style and channel.

Dumoulin, Shlens & Kudlur, "A Learned Representation for Artistic Style" (ICLR 2017). All else in
the network is shared, so that styles mix as their pairs do, and a new one is two vectors a layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functional import adaptive_instance_norm


class ConditionalInstanceNorm(nn.Module):
    """Instance normalization with one scale and shift a style, mixed by shares.

    With one style it is plain instance normalization with affine parameters.

    Args:
        channels: of the features.
        styles: how many there are, N.

    Shapes:
        features ``(B, C, h, w)``, shares ``(B, N)`` -> ``(B, C, h, w)``.
    """

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, features: Tensor, shares: Tensor) -> Tensor:
        """Return the features in the styles' mix."""
        # AdaIN whose style statistics are learnt instead of taken from an artwork.
        return adaptive_instance_norm(features, shares @ self.shift, shares @ self.scale)

    def add_styles(self, count: int) -> None:
        """Append ``count`` styles, each at the mean of those that are there."""
        for name in ("scale", "shift"):
            rows = getattr(self, name).detach()
            new = rows.mean(dim=0, keepdim=True).expand(count, -1)
            setattr(self, name, nn.Parameter(torch.cat([rows, new])))
