from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adain_core import AdaINModel, Architecture, Style, adain, load_image, save_image
from adain_core.cli import main
from adain_core.functional import channel_statistics

# Smaller than reflection padding needs, odd at each of the three poolings, whole cells, long.
SIZES = [(1, 1), (1, 9), (5, 4), (9, 17), (16, 24), (30, 61), (129, 40)]


def test_without_onnx_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "adain_core.export", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", "-o", str(tmp_path / "onnx")]) == 1
    assert capsys.readouterr().err == (
        "adain: error: ONNX files need the package onnx: install it with: "
        "python -m pip install onnx\n"
    )
    # What is wrong in any case comes first.
    assert main(["export", "--model", "none", "-o", str(tmp_path / "onnx")]) == 1
    assert "no model or file named 'none'" in capsys.readouterr().err


class TestFiles:
    """What the files compute, in onnxruntime and in ONNX's own reference."""

    @pytest.fixture(autouse=True)
    def _packages(self) -> None:
        pytest.importorskip("onnx", reason="needs the package onnx")
        pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")

    @pytest.mark.parametrize("size", SIZES)
    def test_statistics_and_images_equal_the_library(
        self, tiny: AdaINModel, make_image: Callable[..., Tensor], size: tuple[int, int]
    ) -> None:
        images = make_image(*size, batch=2)
        style = tiny.encode_style(make_image(32, 32, seed=5))
        features = tiny.encode(images)
        expected = tiny.decode(adain(features, style))

        encode, decode = sessions(tiny, torch.float32)
        maps, mean, std = encode(images=images)
        for value, own in zip((mean, std), channel_statistics(features.tensor), strict=True):
            torch.testing.assert_close(value, own, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(maps, features.tensor, rtol=1e-5, atol=1e-5)
        result = stylize(decode, maps, mean, std, style)
        assert result.shape[2:] == (8 * maps.shape[2], 8 * maps.shape[3])
        # A style's statistics over those of a flat image, 1/300, enlarge what is rounded.
        torch.testing.assert_close(cut(result, size), expected, rtol=0, atol=1e-3)

    @pytest.mark.parametrize("size", SIZES)
    def test_half_precision_gives_the_same_at_40_db(
        self, tiny: AdaINModel, make_image: Callable[..., Tensor], size: tuple[int, int]
    ) -> None:
        images = make_image(*size)
        style = tiny.encode_style(make_image(32, 32, seed=5))
        expected = tiny.decode(adain(tiny.encode(images), style))
        # onnxruntime's kernels for a CPU drop roundings between layers; the reference keeps them.
        for run in (sessions, reference):
            encode, decode = run(tiny, torch.float16)
            maps, mean, std = encode(images=images)
            assert {maps.dtype, mean.dtype, std.dtype} == {torch.float32}
            assert decibels(cut(stylize(decode, maps, mean, std, style), size), expected) > 40

    @pytest.mark.parametrize(
        ("dtype", "bound"), [(torch.float32, 80), (torch.float16, 45)], ids=["fp32", "fp16"]
    )
    def test_the_exported_shipped_model_equals_the_library(
        self, make_image: Callable[..., Tensor], dtype: torch.dtype, bound: float
    ) -> None:
        model = AdaINModel.from_pretrained(device="cpu", dtype="fp32")
        style = model.encode_style(make_image(64, 64, seed=5))
        encode, decode = sessions(model, dtype)
        for size in ((1, 1), (75, 130)):
            images = make_image(*size, batch=2)
            expected = model.decode(adain(model.encode(images), style))
            result = stylize(decode, *encode(images=images), style)
            assert decibels(cut(result, size), expected) > bound

    def test_alpha_and_masks_are_other_numbers(
        self, tiny: AdaINModel, make_image: Callable[..., Tensor]
    ) -> None:
        images = make_image(24, 32)
        left, right = (tiny.encode_style(make_image(32, 32, seed=seed)) for seed in (5, 6))
        encode, decode = sessions(tiny, torch.float32)
        maps, mean, std = encode(images=images)

        half = Style(
            torch.lerp(mean[0], left.mean, 0.5), torch.lerp(std[0], left.std, 0.5), tiny.fingerprint
        )
        expected = tiny.decode(adain(tiny.encode(images), left, alpha=0.5))
        result = stylize(decode, maps, mean, std, half)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)

        mask = torch.zeros(24, 32)
        mask[:, :16] = 1
        expected = tiny.decode(
            adain(
                tiny.encode(images), [left, right], masks=[mask, 1 - mask], region_statistics=False
            )
        )
        scales, shifts = zip(
            *(scale_and_shift(mean, std, style) for style in (left, right)), strict=True
        )
        weight = mask[None, None, ::8, ::8]
        (result,) = decode(
            features=maps,
            scale=weight * scales[0] + (1 - weight) * scales[1],
            shift=weight * shifts[0] + (1 - weight) * shifts[1],
        )
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("normalization", ["batch", "instance"])
    def test_normalization_layers(
        self,
        make_model: Callable[..., AdaINModel],
        make_image: Callable[..., Tensor],
        normalization: Any,
    ) -> None:
        model = make_model(Architecture((4, 6, 8, 10), normalization=normalization))
        images, style = make_image(20, 27), model.encode_style(make_image(32, 32, seed=5))
        encode, decode = sessions(model, torch.float32)
        result = stylize(decode, *encode(images=images), style)
        expected = model.decode(adain(model.encode(images), style))
        torch.testing.assert_close(cut(result, (20, 27)), expected, rtol=0, atol=1e-4)

    def test_a_model_without_adain_is_refused(self, make_model: Callable[..., AdaINModel]) -> None:
        from adain_core.export import build_decoder

        model = make_model(Architecture((4, 6, 8, 10), fusion="concat"))
        with pytest.raises(ValueError, match="by AdaIN, got one of fusion 'concat'"):
            build_decoder(model)
        with pytest.raises(ValueError, match=r"float32 or torch.float16 to export, got .*bfloat16"):
            build_decoder(model, torch.bfloat16)

    def test_command(
        self, tiny_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        import onnx

        folder = tmp_path / "new" / "onnx"
        command = ["export", "--model", str(tiny_path), "-o", str(folder)]
        assert main(command) == 0
        files = [folder / "encode.onnx", folder / "decode.onnx"]
        printed = capsys.readouterr().out.splitlines()
        assert [line.split(" (")[0] for line in printed] == [str(file) for file in files]
        assert sorted(folder.iterdir()) == sorted(files)

        made = onnx.load(files[0])
        assert [(o.domain, o.version) for o in made.opset_import] == [("", 17)]
        properties = {entry.key: entry.value for entry in made.metadata_props}
        assert properties["encoder"] == AdaINModel.from_pretrained(tiny_path).fingerprint
        assert properties["license"] == "MIT"
        values = [*made.graph.input, *made.graph.output]
        assert {value.name: shape_of(value) for value in values} == {
            "images": ["batch", 3, "height", "width"],
            "features": ["batch", 10, "rows", "columns"],
            "mean": ["batch", 10],
            "std": ["batch", 10],
        }

        before = files[1].read_bytes()
        assert main(command) == 2
        assert "encode.onnx exists (and 1 more); pass --overwrite" in capsys.readouterr().err
        assert main([*command, "--overwrite"]) == 0
        assert files[1].read_bytes() == before  # the same model, the same file
        assert main([*command, "--overwrite", "--dtype", "fp16"]) == 0
        assert files[1].stat().st_size < 0.7 * len(before)

    def test_the_example_of_the_documentation(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        tiny: AdaINModel,
        make_image: Callable[..., Tensor],
    ) -> None:
        from adain_core.export import export_onnx

        page = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")
        (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        monkeypatch.chdir(tmp_path)
        photo = make_image(21, 30)
        save_image("photo.png", photo)
        style = tiny.encode_style(make_image(32, 32, seed=5))
        style.save("painting.safetensors")
        export_onnx(tiny, "onnx")
        exec(example.replace("photo.jpg", "photo.png"), {})  # noqa: S102
        expected = tiny.stylize("photo.png", style, alpha=0.8, stroke_size="single")
        torch.testing.assert_close(load_image("result.png"), expected, rtol=0, atol=0.6 / 255)


Runner = Callable[..., list[Tensor]]


def sessions(model: AdaINModel, dtype: torch.dtype) -> tuple[Runner, Runner]:
    """The two files in onnxruntime, as functions of tensors."""
    import onnxruntime

    from adain_core.export import build_decoder, build_encoder

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    encode, decode = (
        onnxruntime.InferenceSession(build(model, dtype).SerializeToString(), options)
        for build in (build_encoder, build_decoder)
    )
    return runner(encode), runner(decode)


def reference(model: AdaINModel, dtype: torch.dtype) -> tuple[Runner, Runner]:
    """Likewise in the operators' NumPy definitions, which round wherever the graph says so."""
    from onnx.reference import ReferenceEvaluator

    from adain_core.export import build_decoder, build_encoder

    encode, decode = (
        ReferenceEvaluator(build(model, dtype)) for build in (build_encoder, build_decoder)
    )
    return runner(encode), runner(decode)


def runner(session: Any) -> Runner:
    def run(**inputs: Tensor) -> list[Tensor]:
        arrays = {name: value.numpy() for name, value in inputs.items()}
        return [torch.from_numpy(np.asarray(value)) for value in session.run(None, arrays)]

    return run


def scale_and_shift(mean: Tensor, std: Tensor, style: Style) -> tuple[Tensor, Tensor]:
    scale = style.std / std
    shift = style.mean - mean * scale
    return scale[:, :, None, None], shift[:, :, None, None]


def stylize(decode: Runner, maps: Tensor, mean: Tensor, std: Tensor, style: Style) -> Tensor:
    scale, shift = scale_and_shift(mean, std, style)
    (images,) = decode(features=maps, scale=scale, shift=shift)
    return images


def cut(images: Tensor, size: tuple[int, int]) -> Tensor:
    return images[..., : size[0], : size[1]]


def decibels(images: Tensor, expected: Tensor) -> float:
    return float(-10 * (images - expected).square().mean().clamp_min(1e-20).log10())


def shape_of(value: Any) -> list[str | int]:
    return [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
