"""The loader, and what the pack asks of its host."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adain_core import load_image
from adain_core.images.sheets import GAP, LABEL, add_label
from adain_core.pixels import resize
from adain_core.weights import save_model

MakeImage = Callable[..., Tensor]
ROOT = Path(__file__).resolve().parents[2]


def loader(pack: Any) -> Any:
    return pack.module.NODE_CLASS_MAPPINGS["AdaINModelLoader"]


def choices(pack: Any) -> list[str]:
    return loader(pack).INPUT_TYPES()["required"]["model"][0]


# --- without a host ---------------------------------------------------------------------------


def test_shipped_models_come_first(pack: Any, tiny_path: Path, tmp_path: Path) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "user" / "adain"
    for path in (shipped / "aaa", shipped / "adain-slim", own / "0-mine", own / "aaa"):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_path, path.with_suffix(".safetensors"))
    (own / "notes.txt").write_text("not a model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack.submodule("nodes.library"), "shipped_folder", lambda: shipped)
        assert choices(pack) == [
            "adain-slim.safetensors",
            "aaa.safetensors",
            "0-mine.safetensors",
        ]
        (model,) = pack.run("AdaINModelLoader", model="0-mine.safetensors", dtype="auto")
    assert repr(model).startswith("ManagedModel(AdaINModel('0-mine', encoder ")


def test_own_model_under_a_shipped_name(
    pack: Any, model: Any, make_model: Callable[..., Any], tmp_path: Path
) -> None:
    """The user's file is the one that counts, and the list has the name once, as for styles."""
    node, name = loader(pack), "tiny.safetensors"
    other, own = make_model(seed=5), tmp_path / "user" / "adain" / name
    before = node.IS_CHANGED(name, "auto")
    own.parent.mkdir(parents=True)
    save_model(own, other.info, other.encoder, other.decoder)
    assert choices(pack) == [name]
    assert node.VALIDATE_INPUTS("gone.safetensors").endswith(f"found here: {name}")
    (loaded,) = pack.run("AdaINModelLoader", model=name, dtype="fp32")
    assert loaded.model.fingerprint == other.fingerprint != model.model.fingerprint
    after = node.IS_CHANGED(name, "auto")
    assert after == hashlib.sha256(own.read_bytes()).hexdigest() != before


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_dtype(
    pack: Any,
    make_image: MakeImage,
    tolerance: dict[torch.dtype, dict[str, float]],
    name: str,
    dtype: torch.dtype,
) -> None:
    (model,) = pack.run("AdaINModelLoader", model="tiny.safetensors", dtype=name)
    assert model.model.dtype == dtype
    photo = make_image(24, 24)
    (features,) = pack.run("AdaINEncodeContent", model=model, image=photo)
    assert features.tensor.dtype == dtype
    (decoded,) = pack.run("AdaINDecode", model=model, features=features)
    assert decoded.dtype == torch.float32
    (exact,) = pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    reference = exact.model.decode(exact.model.encode(photo.movedim(-1, 1))).movedim(1, -1)
    torch.testing.assert_close(decoded, reference, **tolerance[dtype])


def test_changed_file_is_noticed(pack: Any, tiny_path: Path, tmp_path: Path) -> None:
    node, path = loader(pack), tmp_path / "user" / "adain" / "mine.safetensors"
    assert (
        node.IS_CHANGED("tiny.safetensors", "auto")
        == hashlib.sha256(tiny_path.read_bytes()).hexdigest()
    )
    path.parent.mkdir(parents=True)
    path.write_bytes(b"one")
    before = node.IS_CHANGED("mine.safetensors", "auto")
    path.write_bytes(b"two")
    assert node.IS_CHANGED("mine.safetensors", "auto") != before


def test_model_that_is_missing(pack: Any) -> None:
    text = loader(pack).VALIDATE_INPUTS("gone.safetensors")
    assert text.startswith("There is no AdaIN model 'gone.safetensors'. Put the file into ")
    assert "weights" not in text  # the pack's own folder stays as it is
    assert text.endswith("found here: tiny.safetensors")
    with pytest.raises(ValueError, match=r"There is no AdaIN model 'gone\.safetensors'"):
        pack.run("AdaINModelLoader", model="gone.safetensors", dtype="auto")
    assert loader(pack).VALIDATE_INPUTS("tiny.safetensors") is True


def test_a_shipped_model_that_is_gone(pack: Any, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack.submodule("nodes.library"), "shipped_folder", lambda: tmp_path)
        text = loader(pack).VALIDATE_INPUTS("adain-slim.safetensors")
        assert "It comes with the pack: install the pack again" in text
        with pytest.raises(ValueError, match=r"no AdaIN model 'adain-slim\.safetensors'.* again"):
            image = torch.zeros(1, 8, 8, 3)
            pack.run("AdaINStylize", content=image, style_1=image, alpha=1.0)


def test_a_renamed_pth_file_names_the_command_that_converts_it(pack: Any, tmp_path: Path) -> None:
    own = tmp_path / "user" / "adain"
    own.mkdir(parents=True)
    torch.save({"weight": torch.ones(1)}, own / "vgg.safetensors")
    with pytest.raises(ValueError, match=r"; 'adain weights convert' converts \.pth files; it is "):
        pack.run("AdaINModelLoader", model="vgg.safetensors", dtype="auto")


def test_a_damaged_file_is_told_apart_from_the_shipped_one(
    pack: Any, tiny_path: Path, tmp_path: Path
) -> None:
    own, shipped = tmp_path / "user" / "adain", tmp_path / "shipped"
    own.mkdir(parents=True)
    (own / "adain-slim.safetensors").write_bytes(b"not a model")

    def read() -> str:
        with pytest.raises(ValueError, match="damaged or not a safetensors file") as caught:
            pack.run("AdaINModelLoader", model="adain-slim.safetensors", dtype="auto")
        return str(caught.value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack.submodule("nodes.library"), "shipped_folder", lambda: shipped)
        gone = read()
        assert str(own / "adain-slim.safetensors") in gone
        assert "the pack's own of that name is gone: install the pack again" in gone
        shipped.mkdir()
        shutil.copy(tiny_path, shipped / "adain-slim.safetensors")
        hidden = read()
        assert str(own / "adain-slim.safetensors") in hidden
        assert "hides the pack's own of that name: delete it, and the pack's own serves" in hidden
        (own / "adain-slim.safetensors").unlink()
        pack.run("AdaINModelLoader", model="adain-slim.safetensors", dtype="auto")
        (shipped / "adain-slim.safetensors").write_bytes(b"not a model")
        assert read().endswith("it is the pack's own: install the pack again")


def test_without_a_model_the_shipped_one_is_used(
    pack: Any, model: Any, make_image: MakeImage, tmp_path: Path
) -> None:
    own = tmp_path / "user" / "adain" / "tiny.safetensors"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"not a model")
    photo = make_image(16, 24)
    (features,) = pack.run("AdaINEncodeContent", image=photo)
    assert features.fingerprint == model.model.fingerprint


def test_damaged_model_is_named(pack: Any, tmp_path: Path) -> None:
    path = tmp_path / "user" / "adain" / "mine.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a model")
    with pytest.raises(Exception, match=r"mine\.safetensors: damaged or not a safetensors file"):
        pack.run("AdaINModelLoader", model="mine.safetensors", dtype="auto")


# --- in a host --------------------------------------------------------------------------------


def test_folders_keep_the_users(host: Any, tiny_path: Path, tmp_path: Path) -> None:
    table = host.folder_paths.folder_names_and_paths
    assert table["adain"] == (
        [str(tmp_path / "yaml"), str(tmp_path / "models" / "adain")],
        {".safetensors"},
    )
    # The pack's own, last, for the page's model library to show.
    shipped = str(ROOT / "weights" / "styles")
    assert table["adain_styles"] == (
        [str(tmp_path / "models" / "adain_styles"), shipped],
        {".safetensors"},
    )
    for folder, name in (("yaml", "a"), ("models/adain", "b")):
        path = tmp_path / folder / f"{name}.safetensors"
        path.parent.mkdir(parents=True)
        shutil.copy(tiny_path, path)
        path.with_suffix(".yaml").write_text("not a model")
    assert choices(host.pack) == ["tiny.safetensors", "a.safetensors", "b.safetensors"]
    (model,) = host.pack.run("AdaINModelLoader", model="b.safetensors", dtype="auto")
    assert model.model.name == "b"


def test_styles_are_saved_in_the_first_folder(
    host: Any, make_image: MakeImage, tmp_path: Path
) -> None:
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    inputs = {"model": model, "image": make_image(16, 16), "style_size": 0}
    (style,) = host.pack.run("AdaINEncodeStyle", **inputs)
    host.pack.run("AdaINSaveStyle", style=style, name="wave", overwrite=False)
    assert (tmp_path / "models" / "adain_styles" / "wave.safetensors").is_file()
    assert host.pack.run("AdaINLoadStyle", style="wave.safetensors")[0] == style


def test_a_saved_style_shows_its_artwork_name_and_place(
    host: Any, make_image: MakeImage, tmp_path: Path
) -> None:
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    inputs = {"model": model, "image": make_image(48, 64), "style_size": 0}
    (style,) = host.pack.run("AdaINEncodeStyle", **inputs)
    saver = host.pack.module.NODE_CLASS_MAPPINGS["AdaINSaveStyle"]()
    for preview, height in ((True, 288), (False, GAP)):
        output = saver.save(style, "wave", overwrite=True, preview=preview)
        (file,) = output["ui"]["images"]
        card = load_image(tmp_path / "temp" / file["filename"])
        assert card.shape == (1, 3, height + 2 * LABEL, 384)
        lines = torch.ones(1, 3, GAP, 384)
        for line in ("wave", "models/adain_styles/wave.safetensors"):
            lines = add_label(lines, line)
        lines = lines[:, :, GAP:]
        assert (card[:, :, height:] - lines).abs().mean() < 0.02
        if preview:
            small = resize(make_image(48, 64).movedim(-1, 1), (288, 384))
            assert (card[:, :, :height] - small).abs().mean() < 0.05


def test_models_are_loaded_by_the_host(host: Any, make_image: MakeImage) -> None:
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    assert host.loads == []
    (features,) = host.pack.run("AdaINEncodeContent", model=model, image=make_image(16, 24, 3))
    # 3 maps of 4 channels, RGB in and out, 10 channels of features in and out; 4 bytes each.
    pixels = 16 * 24
    required = pixels * 4 * (3 * 4 + 2 * 3) + pixels * (2 * 10 * 4 // 64)
    assert host.loads == [{"memory_required": required, "force_full_load": True}]
    # After the only tile of the images, and after the images.
    steps = [(300, 300), (300, 300)]
    assert host.steps == steps
    host.pack.run("AdaINDecode", model=model, features=features)
    assert len(host.loads) == 2
    assert host.steps[2:] == steps


def test_memory_is_bounded_by_the_tile(host: Any) -> None:
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    estimate = host.pack.submodule("nodes.host").memory_required
    small, large = (estimate(model.model, side, side) for side in (1000, 100_000))
    assert small == 1000**2 * (3 * 4 * 4 + 25)
    assert large < 2 * 2**30 + 100_000**2 * 25


def test_host_chooses_the_dtype(host: Any) -> None:
    choose = host.pack.submodule("nodes.host").choose_dtype
    host.management.get_torch_device = lambda: torch.device("cuda")
    assert choose("auto") == torch.float32
    host.management.should_use_bf16 = lambda device: True
    assert choose("auto") == torch.bfloat16
    host.management.should_use_fp16 = lambda device: True
    assert choose("auto") == torch.float16
    assert choose("fp32") == torch.float32


def test_models_run_on_the_cpu_beside_directml(host: Any) -> None:
    host.management.get_torch_device = lambda: torch.device("privateuseone")
    assert host.pack.submodule("nodes.host").compute_device() == torch.device("cpu")
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    assert model.load(16, 16).device == torch.device("cpu")


def test_library_chooses_the_dtype_on_a_cpu(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host would take fp32 on each; a user who forces it gets it."""
    devices = host.pack.submodule("adain_core.utils.devices")

    def loaded() -> torch.dtype:
        (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="auto")
        return model.model.dtype

    for fast, dtype in ((False, torch.float32), (True, torch.bfloat16)):
        monkeypatch.setattr(devices, "has_fast_bfloat16", lambda fast=fast: fast)
        assert loaded() == dtype
    host.management.FORCE_FP32 = True
    assert loaded() == torch.float32


def test_cancel(host: Any, make_image: MakeImage) -> None:
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    inputs = {
        "model": model,
        "content": make_image(16, 16, 4),
        "style_1": make_image(16, 16),
        "alpha": 1.0,
    }
    host.cancelled = True
    with pytest.raises(host.interruption):
        host.pack.run("AdaINStylize", **inputs)
    host.cancelled = False
    host.steps.clear()
    host.pack.run("AdaINStylize", **inputs)
    # The artwork encoded, finished; the images encoded, decoded, finished, all together.
    assert host.steps == [(step, 500) for step in (100, 100, 300, 500, 500)]


def test_a_large_image_is_previewed_while_it_is_stylized(
    host: Any, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice a second, reduced to 512 pixels, with the tiles that are there."""
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    times = iter([10.0, 10.3, 10.6, 10.7])  # after each of four tiles
    clock = SimpleNamespace(monotonic=lambda: next(times))
    monkeypatch.setattr(host.pack.submodule("nodes.host"), "time", clock)
    photo = make_image(256, 1024)
    options = {"alpha": 1.0, "tile": 256, "stroke_size": "single"}
    result, _ = host.pack.run(
        "AdaINStylize", model=model, content=photo, style_1=make_image(16, 16), **options
    )
    assert [(kind, size) for kind, _, size in host.previews] == [("JPEG", 512)] * 2
    assert next(times, None) is None
    for (_, shown, _), tiles in zip(host.previews, (1, 3), strict=True):
        assert shown.size == (512, 128)
        partly = torch.cat([result[:, :, : 256 * tiles], photo[:, :, 256 * tiles :]], dim=2)
        small = partly.reshape(128, 2, 512, 2, 3).mean(dim=(1, 3))  # a little sharper
        difference = torch.from_numpy(np.array(shown)).float() / 255 - small
        assert difference.abs().mean() < 0.02


def test_an_image_of_one_tile_is_not_previewed(host: Any, make_image: MakeImage) -> None:
    """The page would keep it on the node."""
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    inputs = {"content": make_image(48, 64), "style_1": make_image(16, 16), "alpha": 1.0}
    host.pack.run("AdaINStylize", model=model, **inputs)
    assert host.previews == []


@pytest.mark.parametrize("tile", [64, 128])
def test_tiles_of_an_image_are_steps(host: Any, make_image: MakeImage, tile: int) -> None:
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    inputs = {
        "content": make_image(128, 192),
        "style_1": make_image(16, 16),
        "alpha": 1.0,
        "tile": tile,
    }
    host.pack.run("AdaINStylize", model=model, **inputs)
    count = 2 * {64: 6, 128: 2}[tile]  # encoded and decoded
    steps = [round(100 * n / count) for n in range(1, count + 1)]
    # The artwork's tile, the artwork, the image's tiles, the image.
    assert host.steps == [(step, 200) for step in [100, 100, *(100 + n for n in [*steps, 100])]]


def test_artworks_are_encoded_by_tiles_too(
    host: Any, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    monkeypatch.setattr(
        host.pack.submodule("adain_core.engine.tiled"), "automatic_tile", lambda *a, **k: 64
    )
    host.pack.run("AdaINEncodeStyle", model=model, image=make_image(128, 192), style_size=0)
    tiles = 6 + 24  # at its size, and at twice it
    assert host.steps == [(round(100 * n / tiles), 100) for n in range(1, tiles + 1)] + [(100, 100)]


def test_results_are_the_same_as_without_a_host(
    host: Any, pack: Any, model: Any, make_image: MakeImage
) -> None:
    (hosted,) = host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    inputs = {"content": make_image(20, 30, 2), "style_1": make_image(24, 24, seed=1), "alpha": 0.8}
    ours, _ = host.pack.run("AdaINStylize", model=hosted, **inputs)
    theirs, _ = pack.run("AdaINStylize", model=model, **inputs)
    assert torch.equal(ours, theirs)
