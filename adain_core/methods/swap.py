"""Style swap: each patch of the photo's features becomes the most similar one of the artwork's.

Chen & Schmidt, "Fast Patch-based Style Transfer of Arbitrary Style", 2016 (arXiv 1612.04337).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..devices import gradients, inference
from ..errors import OptionError
from ..images import ImageLike
from ..model import AdaINModel
from ..options import StylizeOptions
from ..tiles import Progress
from .descent import DescentOptions, Watch, minimize, watch_stages
from .objective import Losses, freeze, levels_of, roughness
from .patches import swap_patches
from .tasks import Task, TaskReader, finish

Layer = Literal["relu4_1", "relu3_1"]

SUPPORTED = ("alpha", "preserve_color", "content_size", "style_size")

# Of the inversion of relu3_1; pixels that features do not tell apart become smooth.
_ROUGHNESS = 1.0


class StyleSwap:
    """Draws pictures by style swap in a model's features.

    At relu4_1 the model's decoder draws the result. At relu3_1, the paper's layer, there is no
    decoder: a picture is optimized until it has the swapped features.

    Args:
        model: the model; its encoder's features are swapped.
        options: the request; of one style.
        layer: whose features.
        patch: side of the patches, features.
        inversion: the descent at relu3_1.

    Raises:
        OptionError: an option that style swap does not know, or a style without its artwork.
        ValueError: a model whose decoder draws something else than features.
        ImageFileError: a file that cannot be read.
    """

    def __init__(
        self,
        model: AdaINModel,
        options: StylizeOptions,
        layer: Layer = "relu4_1",
        patch: int = 3,
        inversion: DescentOptions | None = None,
    ) -> None:
        if layer not in get_args(Layer):
            raise OptionError(
                "layer", f"must be one of {', '.join(get_args(Layer))}, got {layer!r}"
            )
        if len(options.sources) != 1:
            raise OptionError("styles", f"must be one for style swap, got {len(options.sources)}")
        if layer == "relu4_1" and model.info.architecture.fusion != "adain":
            raise ValueError(
                "style swap needs a decoder that draws features, got one of fusion "
                f"{model.info.architecture.fusion!r}; take another model"
            )
        self.model, self.options, self.layer, self.patch = model, options, layer, patch
        self.inversion = inversion or DescentOptions(steps=100)
        self._reader = TaskReader(options, "style swap", SUPPORTED)

    def __call__(
        self, content: ImageLike, *, progress: Progress | None = None, watch: Watch | None = None
    ) -> Tensor:
        """Draw pictures.

        Args:
            content: the photos, ``(B, 3, H, W)`` or any other image.
            progress: told what is done and how much there is; an exception that it raises ends the
                work.
            watch: told the losses of every step of the inversion, likewise.

        Returns:
            ``(B, 3, H, W)`` in 0..1, with 4 channels where the content has.

        Raises:
            ValueError: no image, or one smaller than a patch.
            OptionError: alphas that are not as many as the pictures.
        """
        pictures = self._reader.pictures(content)
        watches = watch_stages(progress, watch, len(pictures))
        drawn = []
        for number, task in enumerate(self._reader.tasks(pictures, self.model.device)):
            if self.layer == "relu4_1":
                picture = self._decode(task)
                if progress is not None:
                    progress(number + 1, len(pictures))
            else:
                picture = self._invert(task, next(watches))
            drawn.append(finish(picture, pictures[number : number + 1], self.options))
        return torch.cat(drawn)

    def _decode(self, task: Task) -> Tensor:
        model = self.model
        content, style = model.encode(task.photo), model.encode(task.artworks[0])
        with inference(model.device):
            swapped = self._swap(content.tensor, style.tensor, task.alpha)
        return model.decode(replace(content, tensor=swapped))

    def _invert(self, task: Task, watch: Watch) -> Tensor:
        encoder, level = freeze(self.model.encoder), 2
        with gradients(self.model.device):
            with torch.no_grad():
                content, style = (
                    levels_of(encoder, image)[level] for image in (task.photo, task.artworks[0])
                )
                wanted = self._swap(content, style, task.alpha)
                scale = wanted.square().mean().clamp_min(torch.finfo(wanted.dtype).tiny)

            def losses(picture: Tensor) -> Losses:
                features = levels_of(encoder, picture)[level]
                difference = (features - wanted).square().mean() / scale
                total = difference + _ROUGHNESS * roughness(picture)
                return Losses(difference, torch.zeros_like(difference), total)

            return minimize(losses, task.photo, self.inversion, watch)

    def _swap(self, content: Tensor, style: Tensor, alpha: float) -> Tensor:
        return torch.lerp(content, swap_patches(content, style, self.patch), alpha)
