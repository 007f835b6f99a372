"""Conditional instance normalization: one scale and one shift for each style and channel.

Dumoulin, Shlens & Kudlur, "A Learned Representation for Artistic Style" (ICLR 2017). All other
weights are shared, so styles can be mixed by mixing their pairs, and a new style is two vectors per
layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..functional import adaptive_instance_norm


class ConditionalInstanceNorm(nn.Module):
    """Instance normalization with a scale and shift per style, mixed by weights.

    With one style it is instance normalization with affine parameters.

    Args:
        channels: channels of the features.
        styles: number of styles, N.

    Shapes:
        features ``(B, C, h, w)``, shares ``(B, N)`` -> ``(B, C, h, w)``.
    """

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, features: Tensor, shares: Tensor) -> Tensor:
        """Return the features in the mix of styles."""
        # AdaIN with learned statistics instead of those of an artwork.
        return adaptive_instance_norm(features, shares @ self.shift, shares @ self.scale)

    def add_styles(self, count: int) -> None:
        """Append ``count`` styles, initialized to the mean of the existing ones."""
        for name in ("scale", "shift"):
            rows = getattr(self, name).detach()
            new = rows.mean(dim=0, keepdim=True).expand(count, -1)
            setattr(self, name, nn.Parameter(torch.cat([rows, new])))
