"""The optimized form of the networks, derived from the trained ones.

Differences from :mod:`adain_core.networks`, which change results only by rounding:

- Feature maps have the layout of ``devices.memory_format`` and a border of one pixel. A convolution
  with zero padding leaves a wrong border, which is then overwritten by reflection: four thin copies
  instead of a copy of the whole map per convolution.
- Nearest x2 upsampling, reflection padding and a 3x3 convolution become a 2x2 convolution to four
  times the channels (the four phases) and a pixel shuffle: 16 multiplications instead of 36.
- The widest convolutions on a CPU in float32 use :mod:`~adain_core.networks.winograd`.
- Each block of layers runs in bands of rows, so that feature maps stay in the cache and are not
  returned to the system by the allocator, which would cost page faults.
- In bfloat16, images enter as two numbers each, the rounded one and the rest.
- Batch normalization is folded into the convolutions; ReLU works in place, after pooling.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..utils.devices import memory_format
from .encoder_decoder import Decoder, Encoder
from .winograd import Winograd, winograd_pays

# Size of the largest map of a band, on a CPU. Above 32 MiB, glibc returns freed memory.
BAND_BYTES = 8 * 2**20


class Inference:
    """The optimized form of a trained network.

    It follows its network: after ``.to(…)``, or an in-place change of weights that autograd
    notices, the form is derived again at the next call. While weights require gradients, this
    happens at every call, because fused optimizers change them without notice. (Changes through
    ``.data``, or of weights created in inference mode, are not noticed.) It is not a module and has
    no parameters.

    Args:
        network: an encoder, or a decoder.

    Example:
        >>> features = Inference(model.encoder)(images)  # as model.encoder(images)
    """

    def __init__(self, network: Encoder | Decoder) -> None:
        self.network = network
        self._sources: list[tuple[Tensor, int]] = []
        self.blocks: list[_Block] = []
        self._generation = 0

    def __getstate__(self) -> dict[str, object]:
        # Derived weights are three times as large as those of the network.
        return {**self.__dict__, "_sources": [], "blocks": []}

    @property
    def generation(self) -> int:
        """A number that changes with the network's weights, their dtype and their device."""
        self._follow()
        return self._generation

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the same as the network's ``forward``, without gradients."""
        if isinstance(self.network, Decoder) and any(
            isinstance(module, nn.InstanceNorm2d) for module in self.network.children()
        ):
            # Takes statistics of whole maps without a border: nothing here fits it.
            plain: Tensor = self.network(inputs)
            return plain
        self._follow()
        if isinstance(self.network, Encoder):
            inputs = _split(inputs, next(self.network.parameters()).dtype)
        for block in self.blocks:
            inputs = block(inputs)
        return inputs

    def _follow(self) -> None:
        """Derive the blocks again if the weights of the network have changed."""
        tensors = list(self.network.state_dict().values())  # detached, of the same storage
        versions = [0 if tensor.is_inference() else tensor._version for tensor in tensors]
        trained = any(weight.requires_grad for weight in self.network.parameters())
        # The old tensors are kept, so that no new one can have the same address.
        if trained or [(old.data_ptr(), version) for old, version in self._sources] != [
            (new.data_ptr(), version) for new, version in zip(tensors, versions, strict=True)
        ]:
            if isinstance(self.network, Encoder):
                self.blocks = list(_encoder_blocks(self.network))
            else:
                self.blocks = list(_decoder_blocks(self.network))
            self._sources = list(zip(tensors, versions, strict=True))
            self._generation += 1


@dataclass
class _Convolution:
    """A convolution of maps with a border, and its activation.

    Args:
        weight: ``(N, C, 3, 3)``, or for ``phases`` ``(4N, C, 2, 2)``, channels in the order
            (row of the phase, column, N).
        bias: one for each output.
        relu: whether an activation follows.
        phases: upsample; the input's border is a replicate, not a reflection.
    """

    weight: Tensor
    bias: Tensor
    relu: bool = True
    phases: bool = False

    def __post_init__(self) -> None:
        self.winograd: Winograd | None = None
        if winograd_pays(self.weight):
            self.winograd = Winograd(self.weight, self.bias)

    def __call__(self, maps: Tensor, border: bool) -> Tensor:
        """Return the result with a border, still to be filled, or without."""
        if self.phases:
            return self._upsampled(maps)
        if self.winograd is None:
            result = F.conv2d(maps, self.weight, self.bias, padding=int(border))
            return result.relu_() if self.relu else result
        batch, _, height, width = maps.shape
        edge = 0 if border else 2
        result = maps.new_empty(batch, height - edge, width - edge, len(self.weight))
        inner = result[:, 1:-1, 1:-1] if border else result
        self.winograd(maps, inner, self.relu)
        return result.permute(0, 3, 1, 2)

    def _upsampled(self, maps: Tensor) -> Tensor:
        # One output more than low-resolution pixels, two phases each: twice the pixels, and a
        # border, which is not part of the image.
        batch, _, height, width = maps.shape
        height, width, channels = height - 1, width - 1, len(self.weight) // 4
        result = maps.new_empty(batch, height, 2, width, 2, channels)
        phases = result.permute(0, 1, 3, 2, 4, 5)
        if self.winograd is None:
            outputs = F.conv2d(maps, self.weight, self.bias).clamp_(min=0).permute(0, 2, 3, 1)
            # Not torch.clamp(…, out=phases): Apple's GPU before macOS 15 ignores a view's strides.
            phases.copy_(outputs.reshape(phases.shape))
        else:
            self.winograd(maps, phases, relu=True)
        return result.view(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


@dataclass
class _Block:
    """The convolutions between two changes of resolution.

    Args:
        convolutions: in order; only the first may upsample.
        pool: halve the resolution at the end.
    """

    convolutions: list[_Convolution]
    pool: bool = False

    def __call__(self, inputs: Tensor) -> Tensor:
        """``(B, C, H, W)`` in and out, without borders."""
        first = self.convolutions[0]
        inputs = inputs.contiguous(memory_format=memory_format(inputs.device))
        up, down = 2 if first.phases else 1, 2 if self.pool else 1
        # Even, so that pooling starts where it does in the whole image.
        halo = 2 * -(-len(self.convolutions) // 2)
        height = inputs.shape[2]
        rows = self._band(inputs, up, halo)
        if rows >= height:
            return self._run(inputs)
        result: Tensor | None = None
        for top, bottom in _spans(height, rows):
            start = max(0, top - halo)
            part = self._run(inputs[:, :, start : bottom + halo])
            length = -(-(bottom - top) * up // down)
            part = part.narrow(2, (top - start) * up // down, length)
            if result is None:
                shape = (*part.shape[:2], -(-height * up // down), part.shape[3])
                result = inputs.new_empty(shape).contiguous(
                    memory_format=memory_format(inputs.device)
                )
            result[:, :, top * up // down :][:, :, :length] = part
        assert result is not None
        return result

    def _band(self, inputs: Tensor, up: int, halo: int) -> int:
        """Rows of a band, even; the halo is at most a quarter of it."""
        if inputs.device.type != "cpu":
            return inputs.shape[2]
        channels = max(len(each.weight) // (4 if each.phases else 1) for each in self.convolutions)
        row = len(inputs) * channels * inputs.shape[3] * up * up * inputs.element_size()
        return max(8 * halo, BAND_BYTES // row // 4 * 4)

    def _run(self, maps: Tensor) -> Tensor:
        first, *_ = self.convolutions
        maps = F.pad(maps, (1, 1, 1, 1), mode="replicate" if first.phases else "reflect")
        *inner, last = self.convolutions
        for convolution in inner:
            maps = _reflected(convolution(maps, border=True))
        maps = last(maps, border=False)
        return F.max_pool2d(maps, kernel_size=2, ceil_mode=True).relu_() if self.pool else maps


def _reflected(maps: Tensor) -> Tensor:
    """Fill the border of maps with their reflection."""
    maps[:, :, 0], maps[:, :, -1] = maps[:, :, 2], maps[:, :, -3]
    maps[..., 0], maps[..., -1] = maps[..., 2], maps[..., -3]
    return maps


def _spans(length: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, step):
        yield start, min(start + step, length)


def _encoder_blocks(encoder: Encoder) -> Iterator[_Block]:
    layers = list(encoder.named_children())
    last = len(layers) - 1
    block: list[_Convolution] = []
    for number, (_, layer) in enumerate(layers):
        ends = number == last or layers[number + 1][0].endswith("_1")
        # ReLU and the maximum commute: a quarter of the pixels after pooling.
        pool = ends and number != last
        weight, bias = _weights(layer)
        if number == 0 and _is_coarse(weight.dtype):
            weight = torch.cat([weight, weight], dim=1)  # see _split
            weight = weight.contiguous(memory_format=memory_format(weight.device))
        block.append(_Convolution(weight, bias, relu=not pool))
        if ends:
            yield _Block(block, pool)
            block = []


def _is_coarse(dtype: torch.dtype) -> bool:
    """Return whether a data type has fewer than the 8 bits of an image."""
    return torch.finfo(dtype).eps > 1 / 256


def _split(images: Tensor, dtype: torch.dtype) -> Tensor:
    """Return images in a data type; in bfloat16, what it loses of them as further channels.

    In smooth areas, its steps would become lines.
    """
    rounded = images.to(dtype)
    if not _is_coarse(dtype):
        return rounded
    return torch.cat([rounded, (images.float() - rounded.float()).to(dtype)], dim=1)


def _decoder_blocks(decoder: Decoder) -> Iterator[_Block]:
    block: list[_Convolution] = []
    for name in decoder.layer_names:
        weight, bias = _weights(
            decoder.get_submodule(f"conv{name}"),
            None if name == "1_1" else decoder.get_submodule(f"norm{name}"),
        )
        upsamples = not block and name != decoder.layer_names[0]
        if upsamples:
            weight, bias = _phases(weight), bias.repeat(4)
        block.append(_Convolution(weight, bias, relu=name != "1_1", phases=upsamples))
        if name.endswith("_1"):
            yield _Block(block)
            block = []


def _weights(convolution: nn.Module, norm: nn.Module | None = None) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution and the batch normalization after it, in one."""
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    weight, bias = convolution.weight.detach(), convolution.bias.detach()
    if isinstance(norm, nn.BatchNorm2d):
        assert norm.running_mean is not None and norm.running_var is not None
        # At least in float32, and rounded once.
        exact = torch.promote_types(weight.dtype, torch.float32)
        scale = norm.weight.detach() * torch.rsqrt(norm.running_var.to(exact) + norm.eps)
        weight = (weight * scale[:, None, None, None]).to(weight.dtype)
        bias = ((bias - norm.running_mean) * scale + norm.bias.detach()).to(bias.dtype)
    return weight.contiguous(memory_format=memory_format(weight.device)), bias


def _phases(weight: Tensor) -> Tensor:
    """Return a 3x3 kernel on the upsampled image as four 2x2 kernels: ``(4N, C, 2, 2)``.

    The first phase lies between a low-resolution pixel's predecessor and itself, in the
    predecessor's half; the second in its own.
    """
    exact = weight.to(torch.promote_types(weight.dtype, torch.float32))
    sums = torch.tensor([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]]).to(exact)
    phases = torch.einsum("iak,jbl,nckl->ijncab", sums, sums, exact).flatten(0, 2)
    rounded = _round(phases, weight.dtype)
    return rounded.contiguous(memory_format=memory_format(weight.device))


def _round(kernels: Tensor, dtype: torch.dtype) -> Tensor:
    """Round kernels ``(N, C, k, k)`` so that the sum of each hardly changes.

    Otherwise the phases give a flat area different tones: a lattice.
    """
    exact = kernels.flatten(2)
    # The smallest weight, which is the most precise one, gets the error of the others.
    order = exact.abs().argsort(dim=2, descending=True)
    rounded, error = torch.empty_like(exact), torch.zeros_like(exact[..., :1])
    for place in torch.split(order, 1, dim=2):
        wanted = exact.gather(2, place) + error
        nearest = wanted.to(dtype).to(exact.dtype)
        rounded.scatter_(2, place, nearest)
        error = wanted - nearest
    return rounded.to(dtype).view_as(kernels)
