from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adain_core import AdaINModel, Architecture, WeightsError
from adain_core.weights import save_model
from adain_core.weights.convert import read_decoder, read_loss_network, read_vgg

State = dict[str, Tensor]
Reader = Callable[[Path], nn.Module]
# Output channels of VGG-19's convolutions up to relu4_1; "M" is a pooling.
VGG = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512)
DECODER = (256, "U", 256, 256, 256, 128, "U", 128, 64, "U", 64, 3)


def sequential_vgg() -> nn.Sequential:
    """pytorch-AdaIN's encoder as a list of layers, random weights, the color layer first."""
    layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    with torch.no_grad():
        layers[0].weight.copy_(255.0 * torch.eye(3).flip(0)[:, :, None, None])  # type: ignore[operator, union-attr]
        layers[0].bias.copy_(torch.tensor([-103.939, -116.779, -123.68]))  # type: ignore[operator, union-attr]
    channels = 3
    for outputs in VGG:
        if isinstance(outputs, str):
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        else:
            layers += [nn.ReflectionPad2d(1), convolution(channels, outputs), nn.ReLU()]
            channels = outputs
    return nn.Sequential(*layers)


def sequential_decoder() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = 512
    for outputs in DECODER:
        if isinstance(outputs, str):
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        else:
            layers += [nn.ReflectionPad2d(1), convolution(channels, outputs), nn.ReLU()]
            channels = outputs
    return nn.Sequential(*layers[:-1])


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3)
    nn.init.normal_(layer.weight, std=(2 / (9 * inputs)) ** 0.5)
    nn.init.normal_(layer.bias, std=0.1)
    return layer


@pytest.fixture(scope="module")
def vgg() -> nn.Sequential:
    torch.manual_seed(0)
    return sequential_vgg()


@pytest.fixture(scope="module")
def decoder() -> nn.Sequential:
    torch.manual_seed(1)
    return sequential_decoder()


def saved(tmp_path: Path, state: object, **options: bool) -> Path:
    path = tmp_path / "weights.pth"
    torch.save(state, path, **options)
    return path


def assert_same_output(own: nn.Module, plain: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        result, expected = own(inputs), plain(inputs)
    assert result.shape == expected.shape
    assert (result - expected).abs().max() < 1e-4 * expected.abs().max()


def test_layout_is_pytorch_adains(vgg: nn.Sequential, decoder: nn.Sequential) -> None:
    indices = {int(key.partition(".")[0]) for key in vgg.state_dict()}
    assert indices == {0, 2, 5, 9, 12, 16, 19, 22, 25, 29}
    assert {int(key.partition(".")[0]) for key in decoder.state_dict()} == {
        *(1, 5, 8, 11, 14),
        *(18, 21, 25, 28),
    }


@pytest.mark.parametrize("legacy", [False, True])
def test_vgg(vgg: nn.Sequential, tmp_path: Path, legacy: bool) -> None:
    # The released file goes on to relu5_4.
    state = {
        **vgg.state_dict(),
        "32.weight": torch.randn(512, 8, 3, 3),
        "32.bias": torch.randn(512),
    }
    path = saved(tmp_path, state, _use_new_zipfile_serialization=not legacy)
    images = torch.rand(2, 3, 27, 33, generator=torch.Generator().manual_seed(2))
    encoder = read_vgg(path)
    assert {tensor.dtype for tensor in encoder.state_dict().values()} == {torch.float32}
    assert_same_output(encoder, vgg, images)


def test_any_first_layer_folds(vgg: nn.Sequential, tmp_path: Path) -> None:
    state = dict(vgg.state_dict())
    state["0.weight"] = torch.randn(3, 3, 1, 1, generator=torch.Generator().manual_seed(3))
    state["0.bias"] = torch.tensor([1.0, -2.0, 3.0])
    before = {key: tensor.clone() for key, tensor in state.items()}
    plain = sequential_vgg()
    plain.load_state_dict(state)
    assert_same_output(read_vgg(saved(tmp_path, state)), plain, torch.rand(1, 3, 16, 16))
    assert all(torch.equal(state[key], before[key]) for key in state)


@pytest.mark.parametrize("size", [(2, 2), (3, 5)])
def test_decoder(decoder: nn.Sequential, tmp_path: Path, size: tuple[int, int]) -> None:
    features = torch.rand(1, 512, *size, generator=torch.Generator().manual_seed(2))
    assert_same_output(read_decoder(saved(tmp_path, decoder.state_dict())), decoder, features)


def test_half_precision_files_are_read_as_float32(decoder: nn.Sequential, tmp_path: Path) -> None:
    state = {key: tensor.half() for key, tensor in decoder.state_dict().items()}
    for tensor in read_decoder(saved(tmp_path, state)).state_dict().values():
        assert tensor.dtype == torch.float32


# --- files that must not be read -----------------------------------------------------------------


def refused(reader: Reader, path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        reader(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    # No advice to switch the protection off.
    assert "weights_only=False" not in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


readers = pytest.mark.parametrize("reader", [read_vgg, read_decoder])


class Malicious:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@readers
@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_code_in_a_file_does_not_run(reader: Reader, kind: str, tmp_path: Path) -> None:
    target, path = tmp_path / "ran", tmp_path / "weights.pth"
    state = {"0.weight": Malicious(target)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(state, protocol=2))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    assert "expected a .pth file of tensors alone, got a damaged file" in refused(reader, path)
    assert not target.exists()
    # The file does what it says when it is trusted.
    torch.load(path, weights_only=False) if kind != "pickle" else pickle.loads(path.read_bytes())
    assert target.exists()


@readers
def test_missing_file(reader: Reader, tmp_path: Path) -> None:
    assert refused(reader, tmp_path / "none.pth").endswith("no such file")
    assert refused(reader, tmp_path).endswith("no such file")


@readers
def test_torch7_file(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "vgg_normalised.t7"
    path.write_bytes(b"\x04\0\0\0\x01\0\0\0")
    message = refused(reader, path)
    assert "Torch7 files are not supported; use pytorch-AdaIN's .pth files" in message
    assert message.endswith("adain_core.weights.download.download_vgg19() fetches them")


@readers
@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02", b"PK\x03\x04", b"\0" * 1000])
def test_files_of_other_kinds(reader: Reader, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    assert "expected a .pth file of tensors alone, got a damaged file" in refused(reader, path)


def test_truncated_file(tmp_path: Path) -> None:
    state = {"1.weight": torch.randn(256, 512, 3, 3)[:8], "1.bias": torch.randn(256)}
    for legacy in (False, True):
        path = saved(tmp_path, state, _use_new_zipfile_serialization=not legacy)
        whole = path.read_bytes()
        for length in (1, 10, 100, 1000, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            assert "expected a .pth file of tensors alone, got a damaged file" in refused(
                read_decoder, path
            )


def without(state: State, key: str) -> State:
    return {name: tensor for name, tensor in state.items() if name != key}


def test_vgg_of_another_layout(vgg: nn.Sequential, tmp_path: Path) -> None:
    state = vgg.state_dict()
    for wrong, message in (
        (
            without(state, "0.weight"),
            "tensor '0.weight' should have shape (3, 3, 1, 1), got no such tensor",
        ),
        (
            without(state, "29.bias"),
            "tensor '29.bias' should have shape (512,), got no such tensor",
        ),
        (
            {**state, "2.weight": torch.zeros(64, 3, 5, 5)},
            "tensor '2.weight' should have shape (64, 3, 3, 3), got (64, 3, 5, 5)",
        ),
        ({}, "tensor '0.weight' should have shape (3, 3, 1, 1), got no such tensor"),
        # torchvision's VGG-19 has other names.
        (
            {f"features.{key}": tensor for key, tensor in state.items()},
            "tensor '0.weight' should have shape (3, 3, 1, 1), got no such tensor",
        ),
    ):
        path = saved(tmp_path, wrong)
        assert refused(read_vgg, path) == f"{path}: not in pytorch-AdaIN's layout: {message}"


def test_decoder_of_another_layout(
    vgg: nn.Sequential, decoder: nn.Sequential, tmp_path: Path
) -> None:
    path = saved(tmp_path, without(decoder.state_dict(), "18.weight"))
    assert "tensor '18.weight' should have shape (128, 128, 3, 3), got no such tensor" in refused(
        read_decoder, path
    )
    # The two files swapped.
    path = saved(tmp_path, vgg.state_dict())
    assert "not in pytorch-AdaIN's layout" in refused(read_decoder, path)
    path = saved(tmp_path, decoder.state_dict())
    assert "not in pytorch-AdaIN's layout" in refused(read_vgg, path)


def test_values_that_are_not_finite(decoder: nn.Sequential, tmp_path: Path) -> None:
    for value in (float("nan"), float("inf")):
        state = {**decoder.state_dict(), "28.bias": torch.tensor([0.0, value, 0.0])}
        assert refused(read_decoder, saved(tmp_path, state)).endswith(
            "tensor '28.bias' has NaN or infinite values"
        )


def odd_tensors(weight: Tensor) -> dict[str, Tensor]:
    """A weight as tensors of kinds that hold no plain array of floating-point numbers."""
    return {
        "sparse": weight.to_sparse(),
        "meta": weight.to("meta"),
        "quantized": torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8),
        "nested": torch.nested.nested_tensor(list(weight)),
        "torch.complex64": weight.to(torch.complex64),
        "torch.bool": weight > 0,
        "torch.int64": weight.long(),
    }


@pytest.mark.parametrize("kind", odd_tensors(torch.zeros(1)))
@pytest.mark.filterwarnings("ignore")  # torch's, of what it will give up one day
def test_tensors_of_other_kinds(decoder: nn.Sequential, kind: str, tmp_path: Path) -> None:
    state = decoder.state_dict()
    state["28.weight"] = odd_tensors(state["28.weight"])[kind]
    assert refused(read_decoder, saved(tmp_path, state)).endswith(
        f"tensor '28.weight' should be dense and of floating-point numbers, got {kind}"
    )


def test_parameters_and_tensors_without_strides(decoder: nn.Sequential, tmp_path: Path) -> None:
    """What shares its memory is copied; what wants a gradient loses it."""
    state: State = dict(decoder.named_parameters())
    state["28.bias"] = torch.tensor([0.25]).expand(3)
    read = read_decoder(saved(tmp_path, state))
    assert read.state_dict()["conv1_1.bias"].tolist() == [0.25] * 3
    assert not any(value.requires_grad for value in read.state_dict().values())
    # Small in the file, 4 TB in memory.
    state["28.weight"] = torch.zeros(1).expand(10**6, 10**6)
    assert "28.weight' should have shape" in refused(read_decoder, saved(tmp_path, state))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ([torch.zeros(1)], "expected a state dict of tensors, got an object of type list"),
        (torch.zeros(1), "got an object of type Tensor"),
        (None, "got an object of type NoneType"),
        ({"state_dict": {"0.weight": torch.zeros(1)}}, "type dict at 'state_dict'; if its weights"),
        ({"model": torch.zeros(1), "epoch": 3}, "an object of type int at 'epoch'"),
        ({(1, 2): torch.zeros(1)}, "not in pytorch-AdaIN's layout"),
        ({0: torch.zeros(1)}, "not in pytorch-AdaIN's layout"),
        (nn.Linear(2, 2), "which could run code and are not loaded"),
        ({"0.weight": pickle.PickleBuffer}, "which could run code and are not loaded"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else type(value).__name__,
)
def test_checkpoints_of_something_else(content: Any, cause: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    for read in (read_vgg, read_decoder):
        message = refused(read, tmp_path / "a.pth")
        assert cause in message
        assert "weights_only" not in message


def test_loss_network_by_name(
    make_model: Callable[..., AdaINModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = make_model(Architecture(), 1), tmp_path / "official.safetensors"
    save_model(path, model.info, model.encoder, model.decoder)
    monkeypatch.setattr(
        "adain_core.weights.model_files.available_models", lambda: {"official-1.0": path}
    )
    vgg, decoder = read_loss_network("official-1.0")
    assert decoder is not None
    for network, expected in ((vgg, model.encoder), (decoder, model.decoder)):
        for name, value in network.state_dict().items():
            assert torch.equal(value, expected.state_dict()[name])
    with pytest.raises(WeightsError, match="no model or file named 'none'; available models"):
        read_loss_network("none")
