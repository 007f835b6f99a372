"""Previews of styles: of one artwork, of mixes, in files and where they are shown."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest
import torch
from safetensors.torch import safe_open, save_file
from torch import Tensor

from adain_core import AdaINModel, Style
from adain_core.cli import main
from adain_core.images.previews import SIDE, join_previews, make_preview, read_preview
from adain_core.pixels import resize

RED, GREEN, BLUE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def flat(color: tuple[float, ...], height: int = 60, width: int = 80) -> Tensor:
    return torch.tensor(color).view(1, -1, 1, 1).expand(-1, -1, height, width)


def shown(data: bytes) -> Tensor:
    image = read_preview(data)
    assert image is not None
    return image


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def test_preview_is_the_artwork_small(make_image: Callable[..., Tensor]) -> None:
    artwork = make_image(300, 200)
    preview = make_preview(artwork)
    assert PIL.Image.open(io.BytesIO(preview)).format == "JPEG"
    assert shown(preview).shape == (1, 3, SIDE, 85)
    difference = shown(preview) - resize(artwork, (SIDE, 85))
    assert difference.abs().mean() < 0.03
    assert len(preview) < 8000


def test_transparency_is_white_in_a_preview() -> None:
    preview = make_preview(flat((1.0, 0.0, 0.0, 0.0)))
    assert shown(preview).min() > 0.98


def test_mixes_are_strips_by_share() -> None:
    previews = [make_preview(flat(color)) for color in (RED, GREEN, BLUE)]
    mix = shown(join_previews(list(zip(previews, (2, 1, 1), strict=True))))
    assert mix.shape == (1, 3, 96, SIDE)
    for color, start, end in ((RED, 0, 64), (GREEN, 64, 96), (BLUE, 96, 128)):
        strip = mix[..., start + 3 : end - 3]
        assert (strip - flat(color, *strip.shape[2:])).abs().max() < 0.05


def test_strips_too_narrow_to_be_seen_are_left_out() -> None:
    previews = [(make_preview(flat(RED)), 1.0), (make_preview(flat(BLUE)), 1e-6)]
    assert shown(join_previews(previews))[:, 2].max() < 0.05


def test_joining_one_or_none() -> None:
    preview = make_preview(flat(RED))
    assert join_previews([(preview, 0.3)]) == preview
    assert join_previews([]) == b""
    assert join_previews([(b"no image", 1.0), (b"", 1.0)]) == b""
    assert shown(join_previews([(b"no image", 3.0), (preview, 1.0)])).shape[2:] == (96, SIDE)
    assert read_preview(b"") is None
    assert read_preview(b"no image") is None


def test_styles_know_their_artworks(tiny: AdaINModel, make_image: Callable[..., Tensor]) -> None:
    artwork = make_image(40, 40, batch=2)
    style = tiny.encode_style(artwork)
    assert style.previews == tuple((make_preview(each), 0.5) for each in torch.split(artwork, 1))
    again = tiny.encode_style(artwork)  # from the cache
    assert again.previews == style.previews
    assert style == replace(style, previews=())  # for people alone


def test_mix_adds_up_shares() -> None:
    mean, std = torch.zeros(4), torch.ones(4)
    one = Style(mean, std, "f", previews=((b"1", 1.0),))
    two = Style(mean, std, "f", previews=((b"1", 0.5), (b"2", 0.5)))
    none = Style(mean, std, "f")
    mixed = Style.mix([one, two, none], [2, 1, 1])
    assert mixed.previews == ((b"1", 0.625), (b"2", 0.125))
    assert Style.mix([one, two], [1, 0]).previews == one.previews
    assert none.preview == b""


def test_file_keeps_the_preview(
    tiny: AdaINModel, make_image: Callable[..., Tensor], tmp_path: Path
) -> None:
    styles = [tiny.encode_style(make_image(40, 40, seed=seed)) for seed in (1, 2)]
    mixed, path = Style.mix(styles, [3, 1]), tmp_path / "mixed.safetensors"
    mixed.save(path)
    # As ComfyUI's model library reads it.
    (encoded,) = json.loads(metadata(path)["ssmd_cover_images"])
    assert base64.b64decode(encoded) == mixed.preview
    loaded = Style.load(path)
    assert loaded == mixed
    assert loaded.previews == ((mixed.preview, 1.0),)
    assert mixed.is_saved_as(path)
    for other in ({"name": "x"}, {"previews": ()}, {"mean": mixed.mean + 1}):
        assert not replace(mixed, **other).is_saved_as(path)
    assert not mixed.is_saved_as(tmp_path / "missing.safetensors")
    replace(mixed, previews=()).save(path)
    assert "ssmd_cover_images" not in metadata(path)
    assert Style.load(path).previews == ()


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "[]", "[3]", "[null]", '["a"]', '"abcd"', "3", "[" * 100_000]
)
def test_a_damaged_preview_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "style.safetensors"
    tensors = {"mean": torch.zeros(4), "std": torch.ones(4)}
    entries = {"format": "adain-style", "format_version": "1", "ssmd_cover_images": text}
    save_file(tensors, path, metadata=entries)
    assert read_preview(Style.load(path).preview) is None


def encoded(image: PIL.Image.Image, file_format: str) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


@pytest.mark.parametrize(
    ("file_format", "size", "known"),
    [
        ("PNG", (2048, 2048), True),
        ("WEBP", (40, 30), True),
        ("PNG", (2049, 2048), False),
        ("TIFF", (40, 30), False),
        ("GIF", (40, 30), False),
        ("EPS", (40, 30), False),
    ],
)
def test_foreign_previews_are_small_images_of_three_formats(
    file_format: str, size: tuple[int, int], known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Ghostscript and no gigabytes for an image in a foreign style file."""
    for module in (subprocess, os):
        for name in ("Popen", "system"):
            monkeypatch.setattr(module, name, pytest.fail, raising=False)
    data = encoded(PIL.Image.new("RGB", size, (255, 0, 0)), file_format)
    image = read_preview(data)
    assert (image is not None) == known
    if image is not None:
        assert tuple(image.shape) == (1, 3, size[1], size[0])
    red = encoded(PIL.Image.new("RGB", (8, 8), (255, 0, 0)), "PNG")
    blue = encoded(PIL.Image.new("RGB", (8, 8), (0, 0, 255)), "PNG")
    mixed = shown(join_previews([(data, 0.5), (blue, 0.5)]))
    assert tuple(mixed.shape) == (1, 3, 96, 128)
    left = shown(join_previews([(red, 0.5), (blue, 0.5)])) if known else shown(blue)
    assert (mixed[0, :, 48, 10] - left[0, :, 4, 4]).abs().max() < 0.05


def test_command_line(
    tiny_path: Path,
    make_image: Callable[..., Tensor],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    artwork, path = tmp_path / "wave.png", tmp_path / "wave.safetensors"
    PIL.Image.fromarray((make_image(40, 40)[0] * 255).byte().permute(1, 2, 0).numpy()).save(artwork)
    encode = ["style", "encode", str(artwork), "-o", str(path), "--overwrite"]
    encode += ["--model", str(tiny_path), "--device", "cpu"]
    assert main(encode) == 0
    assert Style.load(path).preview
    assert main(["style", "info", str(path)]) == 0
    assert f"preview_bytes  {len(Style.load(path).preview)}\n" in capsys.readouterr().out
    assert main([*encode, "--no-preview"]) == 0
    assert Style.load(path).preview == b""
    assert main(["style", "info", str(path)]) == 0
    assert "preview_bytes  0\n" in capsys.readouterr().out
