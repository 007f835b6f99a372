"""A model as two ONNX files, for runtimes without Python: browsers, phones, other languages.

``encode.onnx``: ``images`` ``(batch, 3, height, width)``, float32, RGB in 0..1, 1x1 pixel or more
-> ``features`` ``(batch, C, rows, columns)`` with one cell for 8x8 pixels, and their ``mean`` and
``std`` ``(batch, C)``, float32.

``decode.onnx``: ``features``, ``scale`` and ``shift``, float32, of any shape that broadcasts to the
features (``(1, C, 1, 1)``; with masks ``(batch, C, rows, columns)``) -> ``images``
``(batch, 3, 8 * rows, 8 * columns)``, float32 in 0..1, to be cut to the image's height and width.

AdaIN (equation 8) lies between the two and stays outside: ``scale = style_std / std`` and
``shift = style_mean - mean * scale``. Alpha, mixes and masks change these numbers alone, and a
style file holds ``style_mean`` and ``style_std``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .errors import WeightsError, reason
from .functional import EPSILON
from .model import AdaINModel
from .networks.architecture import MINIMUM_SIZE
from .networks.encoder_decoder import Decoder, Encoder
from .utils.files import replace_atomically

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise ImportError(
        "ONNX files need the package onnx: install it with: python -m pip install onnx"
    ) from error

# The oldest that has all that the graphs need: every runtime from 2022 on reads it.
OPSET, IR_VERSION = 17, 8
FILES = ("encode.onnx", "decode.onnx")


def export_onnx(
    model: AdaINModel, folder: str | os.PathLike[str], dtype: torch.dtype = torch.float32
) -> tuple[Path, Path]:
    """Write ``encode.onnx`` and ``decode.onnx`` into a folder; existing ones are replaced.

    Args:
        model: the model, in any dtype, on any device.
        folder: made if need be.
        dtype: ``torch.float32``, or ``torch.float16`` for files of half the size. Weights and
            features have it; images and statistics are float32 in any case.

    Returns:
        The two files.

    Raises:
        ValueError: another dtype, or a model that joins features and style otherwise than AdaIN.
        WeightsError: a file cannot be written.

    Example:
        >>> export_onnx(AdaINModel.from_pretrained(device="cpu", dtype="fp32"), "onnx/")
    """
    graphs = build_encoder(model, dtype), build_decoder(model, dtype)
    paths = Path(folder) / FILES[0], Path(folder) / FILES[1]
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path, graph in zip(paths, graphs, strict=True):
            with replace_atomically(path) as temporary:
                temporary.write_bytes(graph.SerializeToString(deterministic=True))
    except OSError as error:
        raise WeightsError(f"cannot write to {folder}: {reason(error)}") from error
    return paths


def build_encoder(model: AdaINModel, dtype: torch.dtype = torch.float32) -> onnx.ModelProto:
    """Return the graph of ``encode.onnx``; see :func:`export_onnx`."""
    graph = _Graph(dtype)
    # Reflection needs more pixels than a tiny image has: its last row and column are repeated.
    size = graph.add("Shape", "images", start=2, end=4)
    missing = graph.add("Sub", graph.integers("smallest", [MINIMUM_SIZE, MINIMUM_SIZE]), size)
    missing = graph.add("Max", missing, graph.integers("zeros", [0, 0]))
    pads = graph.add("Concat", graph.integers("no_pads", [0] * 6), missing, axis=0)
    maps = graph.cast(graph.add("Pad", "images", pads, mode="edge"), dtype)
    maps = _add_encoder(graph, model.encoder, maps)
    # Squares overflow in float16. The features that leave are those that were counted: a runtime
    # that computes in float32 drops the rounding in between, and in a flat image it is many σ.
    features = graph.add("Identity", graph.cast(maps, torch.float32), output="features")
    mean = graph.add("ReduceMean", features, axes=[2, 3], keepdims=1)
    centered = graph.add("Sub", features, mean)
    variance = graph.add("Mul", centered, centered)
    variance = graph.add("ReduceMean", variance, axes=[2, 3], keepdims=0)
    variance = graph.add("Add", variance, graph.floats("epsilon", EPSILON))
    graph.add("Sqrt", variance, output="std")
    graph.add("Squeeze", mean, graph.integers("spatial_axes", [2, 3]), output="mean")
    channels = model.info.architecture.widths[-1]
    outputs = [
        _value("features", "batch", channels, "rows", "columns"),
        _value("mean", "batch", channels),
        _value("std", "batch", channels),
    ]
    inputs = [_value("images", "batch", 3, "height", "width")]
    return graph.finish("encode", model, inputs, outputs)


def build_decoder(model: AdaINModel, dtype: torch.dtype = torch.float32) -> onnx.ModelProto:
    """Return the graph of ``decode.onnx``; see :func:`export_onnx`."""
    graph = _Graph(dtype)
    fused = graph.add("Add", graph.add("Mul", "features", "scale"), "shift")
    maps = graph.cast(fused, dtype)
    maps = graph.cast(_add_decoder(graph, model.decoder, maps), torch.float32)
    graph.add("Clip", maps, graph.floats("low", 0.0), graph.floats("high", 1.0), output="images")
    channels = model.info.architecture.widths[-1]
    inputs = [
        _value("features", "batch", channels, "rows", "columns"),
        _value("scale", "scale_batch", channels, "scale_rows", "scale_columns"),
        _value("shift", "shift_batch", channels, "shift_rows", "shift_columns"),
    ]
    outputs = [_value("images", "batch", 3, "height", "width")]
    return graph.finish("decode", model, inputs, outputs)


def _add_encoder(graph: _Graph, encoder: Encoder, maps: str) -> str:
    for name, convolution in encoder.named_children():
        if name.endswith("_1") and name != "conv1_1":
            # A row and a column of minus infinity change no maximum: sizes round up as with
            # ceil_mode, which not every runtime has.
            maps = graph.add(
                "MaxPool", maps, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1]
            )
        maps = graph.add("Relu", _add_convolution(graph, name, convolution, maps))
    return maps


def _add_decoder(graph: _Graph, decoder: Decoder, maps: str) -> str:
    *inner, last = decoder.layer_names
    for name in inner:
        maps = _add_convolution(graph, f"conv{name}", decoder.get_submodule(f"conv{name}"), maps)
        maps = _add_normalization(graph, f"norm{name}", decoder.get_submodule(f"norm{name}"), maps)
        maps = graph.add("Relu", maps)
        if name.endswith("_1"):
            doubled = graph.floats("doubled", [1.0, 1.0, 2.0, 2.0])
            maps = graph.add(
                *("Resize", maps, "", doubled),
                mode="nearest",
                nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )
    return _add_convolution(graph, f"conv{last}", decoder.get_submodule(f"conv{last}"), maps)


def _add_convolution(graph: _Graph, name: str, layer: nn.Module, maps: str) -> str:
    border = graph.integers("border", [0, 0, 1, 1, 0, 0, 1, 1])
    padded = graph.add("Pad", maps, border, mode="reflect")
    return graph.add("Conv", padded, *graph.parameters(name, layer), kernel_shape=[3, 3])


def _add_normalization(graph: _Graph, name: str, layer: nn.Module, maps: str) -> str:
    if isinstance(layer, nn.BatchNorm2d):
        assert layer.running_mean is not None and layer.running_var is not None
        running = (
            graph.weight(f"{name}.mean", layer.running_mean),
            graph.weight(f"{name}.var", layer.running_var),
        )
        scale = graph.parameters(name, layer)
        return graph.add("BatchNormalization", maps, *scale, *running, epsilon=layer.eps)
    if isinstance(layer, nn.InstanceNorm2d):
        scale = graph.parameters(name, layer)
        return graph.add("InstanceNormalization", maps, *scale, epsilon=layer.eps)
    return maps


class _Graph:
    """Nodes and constants of an ONNX graph in the making.

    Args:
        dtype: of weights and feature maps.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        if dtype not in _ONNX_DTYPES:
            raise ValueError(f"expected torch.float32 or torch.float16 to export, got {dtype}")
        self.dtype = dtype
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its result."""
        output = output or f"{operator.lower()}_{len(self._nodes)}"
        node = helper.make_node(operator, list(inputs), [output], name=output, **attributes)
        self._nodes.append(node)
        return output

    def cast(self, value: str, dtype: torch.dtype) -> str:
        """Add a conversion, unless all is float32; return the name of its result."""
        if self.dtype == torch.float32:
            return value
        return self.add("Cast", value, to=_ONNX_DTYPES[dtype])

    def constant(self, name: str, value: Tensor) -> str:
        """Add a constant of this name, once; return the name."""
        array = value.detach().cpu().contiguous().numpy()
        self._constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def integers(self, name: str, values: list[int]) -> str:
        """Add a constant vector of 64-bit integers; return its name."""
        return self.constant(name, torch.tensor(values, dtype=torch.int64))

    def floats(self, name: str, values: float | list[float]) -> str:
        """Add a constant number or vector of 32-bit floats; return its name."""
        return self.constant(name, torch.tensor(values, dtype=torch.float32))

    def weight(self, name: str, value: Tensor) -> str:
        """Add a constant in the graph's dtype; return its name."""
        return self.constant(name, value.to(self.dtype))

    def parameters(self, name: str, layer: nn.Module) -> tuple[str, str]:
        """Add the weight and the bias of a layer; return their names."""
        assert isinstance(layer.weight, Tensor) and isinstance(layer.bias, Tensor)
        return self.weight(f"{name}.weight", layer.weight), self.weight(f"{name}.bias", layer.bias)

    def finish(
        self,
        name: str,
        model: AdaINModel,
        inputs: list[onnx.ValueInfoProto],
        outputs: list[onnx.ValueInfoProto],
    ) -> onnx.ModelProto:
        """Return the model of all that was added, after a check, with the model's metadata."""
        architecture = model.info.architecture
        if architecture.fusion != "adain":
            raise ValueError(
                "expected a model that fuses content and style by AdaIN, got one of fusion "
                f"{architecture.fusion!r}: its decoder takes no scale and shift"
            )
        constants = list(self._constants.values())
        graph = helper.make_graph(self._nodes, name, inputs, outputs, constants)
        opset = helper.make_opsetid("", OPSET)
        made = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        made.producer_name = "adain"
        helper.set_model_props(
            made,
            {
                "name": model.name,
                "encoder": model.fingerprint,
                "architecture": json.dumps(architecture.to_dict()),
                "license": model.info.license,
                "source": model.info.source,
            },
        )
        onnx.checker.check_model(made, full_check=True)
        return made


_ONNX_DTYPES = {torch.float32: TensorProto.FLOAT, torch.float16: TensorProto.FLOAT16}


def _value(name: str, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
