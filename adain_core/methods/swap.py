"""Style swap: each patch of the photo's features is replaced with the artwork's most similar one.

Chen & Schmidt, "Fast Patch-based Style Transfer of Arbitrary Style", 2016 (arXiv 1612.04337).
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Literal, get_args

import torch
from torch import Tensor

from ..engine.tiles import Progress
from ..errors import OptionError, require_kind
from ..images import ImageLike
from ..model import AdaINModel
from ..options import StylizeOptions
from ..utils.devices import gradients, no_gradients
from .descent import DescentOptions, Watch, minimize, watch_stages
from .objective import Losses, freeze, levels_of, roughness
from .patches import swap_patches
from .tasks import Task, TaskReader, finish

Layer = Literal["relu4_1", "relu3_1"]

SUPPORTED = ("alpha", "preserve_color", "content_size", "style_size")

# Weight in the inversion of relu3_1; smooths what the features do not determine.
_ROUGHNESS = 1.0


class StyleSwap:
    """Stylizes images by swapping patches of a model's features.

    At relu4_1, the model's decoder turns the result into an image. For relu3_1, the layer used in
    that paper, there is no decoder, so an image is optimized to match the features.

    Args:
        model: the model.
        options: the options, with one style.
        layer: the layer, ``"relu4_1"`` or ``"relu3_1"``.
        patch: side of the patches, in features.
        inversion: options of the optimization for relu3_1.

    Raises:
        OptionError: an option that does not apply, a style without its artwork, or a patch or layer
            that does not exist.
        ValueError: a model whose decoder takes more than features.
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
        require_kind("model", model, AdaINModel, "an AdaINModel")
        require_kind("patch", patch, Integral, "a whole number of features")
        if patch < 1:
            raise OptionError("patch", f"must be 1 feature or more, got {patch}")
        if layer not in get_args(Layer):
            raise OptionError(
                "layer", f"must be one of {', '.join(get_args(Layer))}, got {layer!r}"
            )
        self._reader = TaskReader(options, "style swap", SUPPORTED)
        if len(options.sources) != 1:
            raise OptionError("styles", f"must be one for style swap, got {len(options.sources)}")
        if layer == "relu4_1" and model.info.architecture.fusion != "adain":
            raise ValueError(
                "style swap needs a decoder of fusion 'adain', got one of fusion "
                f"{model.info.architecture.fusion!r}; use another model"
            )
        self.model, self.options, self.layer, self.patch = model, options, layer, patch
        self.inversion = inversion or DescentOptions(steps=100)

    def __call__(
        self, content: ImageLike, *, progress: Progress | None = None, watch: Watch | None = None
    ) -> Tensor:
        """Stylize images.

        Args:
            content: ``(B, 3, H, W)`` or any other image.
            progress: called with the number of finished images or steps and their total. An
                exception that it raises aborts the work.
            watch: called with the losses at each step of the inversion, likewise.

        Returns:
            ``(B, 3, H, W)`` in 0..1; 4 channels if the content has alpha.

        Raises:
            ValueError: not an image, or one smaller than a patch.
            OptionError: the number of alphas does not match the images.
        """
        images = self._reader.read(content)
        watches = watch_stages(progress, watch, len(images))
        results = []
        for number, task in enumerate(self._reader.tasks(images, self.model.device)):
            if self.layer == "relu4_1":
                image = self._decode(task)
                if progress is not None:
                    progress(number + 1, len(images))
            else:
                image = self._invert(task, next(watches))
            results.append(finish(image, images[number : number + 1], self.options))
        return torch.cat(results)

    def _decode(self, task: Task) -> Tensor:
        model = self.model
        content, style = model.encode(task.photo), model.encode(task.artworks[0])
        with no_gradients(model.device):
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

            def losses(image: Tensor) -> Losses:
                features = levels_of(encoder, image)[level]
                difference = (features - wanted).square().mean() / scale
                total = difference + _ROUGHNESS * roughness(image)
                return Losses(difference, torch.zeros_like(difference), total)

            return minimize(losses, task.photo, self.inversion, watch)

    def _swap(self, content: Tensor, style: Tensor, alpha: float) -> Tensor:
        return torch.lerp(content, swap_patches(content, style, self.patch), alpha)
