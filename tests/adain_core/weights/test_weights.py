"""Model files: the safetensors layer, what is in a model file, and where models are found."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from adain_core import AdaINModel, Architecture, WeightsError, adain
from adain_core.choices import DEFAULT_MODEL
from adain_core.utils.files import replace_atomically
from adain_core.utils.serialization import read_metadata, read_tensors, write_tensors
from adain_core.weights import (
    ModelInfo,
    available_models,
    cache_folder,
    find_model,
    fingerprint,
    load_info,
    load_model,
    save_model,
    shipped_folder,
)

MakeImage = Callable[..., Tensor]
MakeModel = Callable[..., AdaINModel]
WIDTHS = (4, 6, 8, 10)


def content_of(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, "pt") as file:
        return load_file(path), dict(file.metadata())


def refused(path: Path) -> str:
    """Load a model that must not load; the message, checked to be one line that names the file."""
    with pytest.raises(WeightsError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "Traceback" not in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


# --- serialization -------------------------------------------------------------------------------


def test_tensors_and_metadata_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "any.safetensors"
    table = torch.randn(4, 6)
    tensors = {
        "float": table.requires_grad_(),
        "half": table.detach().half(),
        "brain": table.detach().bfloat16(),
        "transposed": table.detach().t(),
        "rows": table.detach()[1:3],
        "count": torch.tensor(3),
        "empty": torch.zeros(0, 3),
    }
    write_tensors(path, "adain-model", tensors, {"note": 'ü\n"quoted"'})
    read, metadata = read_tensors(path, "adain-model")
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)
    assert metadata == {"format": "adain-model", "format_version": "1", "note": 'ü\n"quoted"'}
    assert read_metadata(path, "adain-model") == metadata


def test_tensors_are_read_into_their_own_memory(tmp_path: Path) -> None:
    path = tmp_path / "any.safetensors"
    write_tensors(path, "adain-model", {"a": torch.ones(3)}, {})
    read = read_tensors(path, "adain-model")[0]["a"]
    write_tensors(path, "adain-model", {"a": torch.zeros(3)}, {})
    assert torch.equal(read, torch.ones(3))


def test_writing_replaces_a_file_or_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "any.safetensors"
    path.write_text("old")

    def interrupted() -> None:
        with replace_atomically(path) as temporary:
            temporary.write_text("half of the n")
            assert temporary.parent == tmp_path.resolve()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]

    with replace_atomically(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    write_tensors(tmp_path / "any.safetensors", "adain-model", {"a": torch.ones(1)}, {})
    (tmp_path / "usual").write_text("")
    assert (tmp_path / "any.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("version", ["2", "10", "99999999999999999999", "9" * 5000])
def test_newer_version(version: str, tmp_path: Path) -> None:
    path = tmp_path / "new.safetensors"
    save_file({}, path, {"format": "adain-model", "format_version": version})
    assert refused(path)
    if len(version) < 100:
        assert f"expected format version 1, got '{version}'" in refused(path)
        assert "update adain" in refused(path)


@pytest.mark.parametrize("version", [None, "", "one", "-1", "1.5", "²"])
def test_version_that_is_none(version: str | None, tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    metadata = {} if version is None else {"format_version": version}
    save_file({}, path, {"format": "adain-model", **metadata})
    assert "format version" in refused(path)


# --- round trips ---------------------------------------------------------------------------------


def test_float32_file_is_exact(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model()
    info = ModelInfo(model.info.architecture, "CC BY 4.0", "us, ü", {"steps": 10, "λ": [1.5, None]})
    save_model(tmp_path / "m.safetensors", info, model.encoder, model.decoder)
    loaded_info, encoder, decoder = load_model(tmp_path / "m.safetensors")
    assert loaded_info == info
    assert load_info(tmp_path / "m.safetensors") == info
    for loaded, saved in ((encoder, model.encoder), (decoder, model.decoder)):
        state = loaded.state_dict()
        assert state.keys() == saved.state_dict().keys()
        for name, tensor in saved.state_dict().items():
            assert torch.equal(state[name], tensor)
            assert state[name].device.type == "cpu"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_file_is_close(
    dtype: torch.dtype,
    tiny: AdaINModel,
    make_image: MakeImage,
    tmp_path: Path,
    tolerance: dict[torch.dtype, dict[str, float]],
) -> None:
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_model(whole, tiny.info, tiny.encoder, tiny.decoder)
    save_model(half, tiny.info, tiny.encoder, tiny.decoder, dtype=dtype)
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    tensors, _ = content_of(half)
    assert {tensor.dtype for tensor in tensors.values()} == {dtype}
    loaded = AdaINModel.from_pretrained(half, "cpu", "fp32")
    assert loaded.dtype == torch.float32
    content, style = make_image(33, 40), make_image(40, 33, seed=1)
    torch.testing.assert_close(
        loaded.stylize(content, style), tiny.stylize(content, style), **tolerance[dtype]
    )


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    metadata = {f"note {number}": "ü" * number for number in range(20)}
    tensors = {"b": torch.ones(3), "a": torch.zeros(2, 2, dtype=torch.float16)}
    files = [tmp_path / f"{number}.safetensors" for number in range(4)]
    for number, file in enumerate(files):
        entries = sorted(metadata.items(), reverse=number % 2 == 1)
        write_tensors(file, "adain-model", tensors, dict(entries))
    assert len({file.read_bytes() for file in files}) == 1
    read, _ = read_tensors(files[0], "adain-model")
    torch.testing.assert_close(read, tensors, rtol=0, atol=0)


def test_metadata_in_the_file(tiny_path: Path) -> None:
    _, metadata = content_of(tiny_path)
    assert metadata.pop("format") == "adain-model"
    assert metadata.pop("format_version") == "1"
    assert json.loads(metadata.pop("architecture")) == {
        "widths": [4, 6, 8, 10],
        "normalization": "none",
        "fusion": "adain",
    }
    assert metadata.pop("license") == "MIT"
    assert metadata.pop("source") == "random numbers"
    assert json.loads(metadata.pop("training")) == {"seed": 0}
    assert metadata == {}


@pytest.mark.parametrize("fusion", ["adain", "concat"])
@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_other_architectures(
    normalization: str, fusion: str, make_model: MakeModel, make_image: MakeImage, tmp_path: Path
) -> None:
    model = make_model(Architecture(WIDTHS, normalization, fusion))  # type: ignore[arg-type]
    path = tmp_path / "m.safetensors"
    save_model(path, model.info, model.encoder, model.decoder)
    loaded = AdaINModel.from_pretrained(path, "cpu", "fp32")
    assert loaded.info.architecture == model.info.architecture
    content, style = make_image(21, 30), make_image(24, 24, seed=1)
    result = loaded.stylize(content, style, alpha=0.7)
    assert torch.equal(result, model.stylize(content, style, alpha=0.7))
    assert result.shape == (1, 3, 21, 30)
    assert result.std() > 0.01
    # The style counts, but for one pair: a constant map adds a constant to each channel after the
    # first convolution, and instance normalization takes it away.
    other = loaded.stylize(content, make_image(24, 24, seed=2), alpha=0.7)
    if (normalization, fusion) != ("instance", "concat"):
        assert (other - result).abs().mean() > 1e-3
    single = loaded.stylize(content, style, alpha=0.7, stroke_size="single")
    masked = loaded.decode(
        adain(
            loaded.encode(content),
            [loaded.encode_style(style)],
            0.7,
            masks=[torch.ones(21, 30)],
        )
    )
    torch.testing.assert_close(masked, single, rtol=1e-4, atol=1e-4)
    # Half of the file, and the counter of batches stays a whole number.
    save_model(path, model.info, model.encoder, model.decoder, torch.float16)
    counters = [
        tensor for name, tensor in content_of(path)[0].items() if name.endswith("batches_tracked")
    ]
    assert len(counters) == (8 if normalization == "batch" else 0)
    assert all(tensor.dtype == torch.int64 for tensor in counters)
    half = AdaINModel.from_pretrained(path, "cpu", "fp32").stylize(content, style, alpha=0.7)
    torch.testing.assert_close(half, result, rtol=0.05, atol=0.05)


def test_fingerprint(tiny_path: Path, tiny: AdaINModel, make_model: MakeModel) -> None:
    assert len(tiny.fingerprint) == 12
    int(tiny.fingerprint, 16)
    for dtype in ("fp32", "bf16", "fp16", torch.float16, "auto"):
        assert AdaINModel.from_pretrained(tiny_path, "cpu", dtype).fingerprint == tiny.fingerprint
    moved = AdaINModel.from_pretrained(tiny_path, "cpu", "fp32").to(torch.bfloat16)
    assert moved.fingerprint == tiny.fingerprint
    assert make_model().fingerprint == tiny.fingerprint
    # Of the encoder's values alone.
    assert make_model(seed=1).fingerprint != tiny.fingerprint
    other = make_model()
    other.decoder.get_submodule("conv1_1").bias += 1
    assert fingerprint(other.encoder.state_dict()) == tiny.fingerprint
    other.encoder.get_submodule("conv4_1").bias[3] += 1e-6
    assert fingerprint(other.encoder.state_dict()) != tiny.fingerprint


# --- files that are no models --------------------------------------------------------------------


def test_missing_and_empty_files(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.safetensors").endswith("no such file")
    assert refused(tmp_path).endswith("no such file")
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    assert "damaged or not a safetensors file" in refused(empty)


def test_truncated_file(tiny_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    whole = tiny_path.read_bytes()
    for length in [*range(1, 40), *range(40, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert "damaged or not a safetensors file" in refused(path)
    path.write_bytes(whole + b"\0")
    assert "damaged or not a safetensors file" in refused(path)


def test_damaged_header_never_raises_anything_else(tiny_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.safetensors"
    whole = tiny_path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        place, value = torch.randint(header, (2,), generator=generator).tolist()
        path.write_bytes(whole[:place] + bytes([value % 256]) + whole[place + 1 :])
        try:
            load_model(path)
        except WeightsError as error:
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "content",
    [
        b"just some text that is no model",
        b"<!DOCTYPE html><html><body>404</body></html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        b"\xff" * 100,
        b"\0" * 100,
        (2).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"null",
    ],
)
def test_files_of_other_kinds(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    assert "convert_vgg19" not in refused(path)


def test_pth_files_are_pointed_to_the_converter(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    hint = "; adain_core.weights.convert.convert_vgg19() converts .pth files"
    torch.save({"a": torch.zeros(3)}, path)
    assert refused(path).endswith(hint)
    torch.save({"a": torch.zeros(3)}, path, _use_new_zipfile_serialization=False)
    assert refused(path).endswith(hint)
    path.write_bytes(pickle.dumps({"a": 1}, protocol=2))
    assert refused(path).endswith(hint)


def edited(
    source: Path,
    target: Path,
    change: Callable[[dict[str, Tensor], dict[str, str]], object],
) -> Path:
    """A copy of a model file with its tensors and metadata changed in place by ``change``."""
    tensors, metadata = content_of(source)
    change(tensors, metadata)
    save_file(tensors, target, metadata)
    return target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, m: t.pop("decoder.conv1_1.bias"), "tensor decoder.conv1_1.bias is missing"),
        (lambda t, m: t.pop("encoder.conv3_4.weight"), "tensor encoder.conv3_4.weight is missing"),
        (lambda t, m: t.clear(), "tensor decoder.conv1_1.bias is missing"),
        (
            lambda t, m: t.update({"encoder.conv5_1.bias": torch.zeros(2)}),
            "tensor encoder.conv5_1.bias is not part of its architecture",
        ),
        (
            lambda t, m: t.update({"optimizer.step": torch.zeros(2)}),
            "tensor optimizer.step is not part of its architecture",
        ),
        (
            lambda t, m: t.update({"encoder.conv2_1.bias": torch.zeros(7)}),
            "tensor encoder.conv2_1.bias should have shape (6,), got (7,)",
        ),
        (
            lambda t, m: t.update({"decoder.conv4_1.weight": torch.zeros(8, 10, 3)}),
            "tensor decoder.conv4_1.weight should have shape (8, 10, 3, 3), got (8, 10, 3)",
        ),
        (
            lambda t, m: t["encoder.conv1_1.weight"][0, 0].fill_(float("nan")),
            "tensor encoder.conv1_1.weight has NaN or infinite values",
        ),
        (
            lambda t, m: t["decoder.conv1_1.bias"][:1].fill_(float("-inf")),
            "tensor decoder.conv1_1.bias has NaN or infinite values",
        ),
        (
            lambda t, m: t.update({"decoder.conv1_1.bias": torch.zeros(3, dtype=torch.int32)}),
            "tensor decoder.conv1_1.bias should be torch.float32, got torch.int32",
        ),
        (
            lambda t, m: t.update({"decoder.conv1_1.bias": torch.zeros(3, dtype=torch.complex64)}),
            "tensor decoder.conv1_1.bias should be torch.float32, got torch.complex64",
        ),
        (
            lambda t, m: m.clear(),
            "expected a file of format 'adain-model', got a safetensors file without its metadata",
        ),
        (
            lambda t, m: m.update(format="pt"),
            "expected a file of format 'adain-model', got a file of format 'pt'",
        ),
        (
            lambda t, m: m.update(format="adain-style"),
            "expected a file of format 'adain-model', got a file of format 'adain-style'",
        ),
        (lambda t, m: m.pop("architecture"), "its metadata has no architecture"),
    ],
)
def test_models_that_do_not_fit(
    change: Callable[[dict[str, Tensor], dict[str, str]], object],
    message: str,
    tiny_path: Path,
    tmp_path: Path,
) -> None:
    path = edited(tiny_path, tmp_path / "m.safetensors", change)
    assert refused(path) == f"{path}: {message}"


@pytest.mark.parametrize(
    "architecture",
    [
        "",
        "{",
        "null",
        "[]",
        "4",
        '"widths"',
        "{}",
        '{"widths": null}',
        '{"widths": [4, 6, 8]}',
        '{"widths": [4, 6, 8, -10]}',
        '{"widths": [4, 6, 8, 1e400]}',
        '{"widths": [4, 6, 8, 99999999]}',
        '{"widths": [4, 6, 8, [10]]}',
        '{"widths": [4, 6, 8, 10], "fusion": "sum"}',
        '{"widths": [4, 6, 8, 10], "fusion": []}',
        '{"widths": [4, 6, 8, 10], "__class__": "os.system"}',
        "[" * 100_000,
        "9" * 10_000,
        "\0",
    ],
    ids=lambda text: text[:30],
)
def test_garbage_as_architecture(architecture: str, tiny_path: Path, tmp_path: Path) -> None:
    path = edited(
        tiny_path, tmp_path / "m.safetensors", lambda t, m: m.update(architecture=architecture)
    )
    assert "its metadata cannot be read: " in refused(path)
    with pytest.raises(WeightsError, match="its metadata cannot be read: "):
        load_info(path)


def test_training_that_is_no_dictionary(tiny_path: Path, tmp_path: Path) -> None:
    path = edited(tiny_path, tmp_path / "m.safetensors", lambda t, m: m.update(training="[1, 2]"))
    assert load_model(path)[0].training == {}
    path = edited(tiny_path, path, lambda t, m: m.update(training="{"))
    assert "its metadata cannot be read: " in refused(path)
    path = edited(tiny_path, path, lambda t, m: [m.pop(n) for n in ("training", "license")])
    assert load_info(path) == ModelInfo(Architecture(WIDTHS), "unstated", "random numbers", {})


def test_huge_widths_take_no_memory(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "bomb.safetensors"
    metadata = {
        "format": "adain-model",
        "format_version": "1",
        "architecture": '{"widths": [4096, 4096, 4096, 4096]}',
    }
    save_file({"decoder.conv1_1.bias": torch.zeros(4)}, path, metadata)

    def peak() -> int:  # KiB on Linux
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

    before = peak()
    assert "tensor decoder.conv1_1.bias should have shape (3,), got (4,)" in refused(path)
    # One of its layers alone would take 600 MB.
    assert peak() - before < 100_000 * (1024 if sys.platform == "darwin" else 1)


def test_model_that_cannot_be_written(tiny: AdaINModel, tmp_path: Path) -> None:
    path = tmp_path / "none" / "m.safetensors"
    with pytest.raises(WeightsError, match="cannot be written") as caught:
        save_model(path, tiny.info, tiny.encoder, tiny.decoder)
    assert str(caught.value).startswith(f"{path}: ")
    assert list(tmp_path.iterdir()) == []


# --- where models are found ----------------------------------------------------------------------


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """Empty folders of shipped and of downloaded models."""
    shipped, cache = tmp_path / "shipped", tmp_path / "cache"
    shipped.mkdir()
    cache.mkdir()
    monkeypatch.setattr("adain_core.weights.model_files.shipped_folder", lambda: shipped)
    monkeypatch.setenv("ADAIN_CACHE", str(cache))
    return shipped, cache


def put(tiny_path: Path, *paths: Path) -> None:
    for path in paths:
        path.write_bytes(tiny_path.read_bytes())


def test_models_are_found_by_name(folders: tuple[Path, Path], tiny_path: Path) -> None:
    shipped, cache = folders
    default, other = shipped / f"{DEFAULT_MODEL}.safetensors", shipped / "adain-a.safetensors"
    loaded = cache / "adain-vgg19.safetensors"
    put(tiny_path, default, other, loaded, cache / other.name)
    (cache / "notes.txt").write_text("no model")
    # The default first; of two with one name the shipped one.
    assert available_models() == {
        DEFAULT_MODEL: default,
        "adain-a": other,
        "adain-vgg19": loaded,
    }
    assert next(iter(available_models())) == DEFAULT_MODEL
    assert find_model() == find_model(None) == find_model(DEFAULT_MODEL) == default
    assert find_model("adain-vgg19") == loaded
    assert find_model("adain-a") == other
    assert AdaINModel.from_pretrained(device="cpu").name == DEFAULT_MODEL


def test_models_are_found_by_path(
    folders: tuple[Path, Path],
    tiny_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tiny_path, tmp_path / "mine.safetensors")
    assert find_model("mine.safetensors") == Path("mine.safetensors")
    assert find_model(tmp_path / "mine.safetensors") == tmp_path / "mine.safetensors"
    assert find_model(str(tiny_path)) == tiny_path
    model = AdaINModel.from_pretrained(Path("mine.safetensors"), "cpu", "bf16")
    assert (model.name, model.dtype, model.device.type) == ("mine", torch.bfloat16, "cpu")


@pytest.mark.parametrize("name", ["adain-none", "", ".", "none.safetensors", "a\0b"])
def test_unknown_name_lists_the_known(
    name: str, folders: tuple[Path, Path], tiny_path: Path
) -> None:
    shipped, cache = folders
    put(tiny_path, shipped / "one.safetensors", cache / "two.safetensors")
    with pytest.raises(WeightsError) as caught:
        find_model(name)
    assert str(caught.value) == f"no model or file named {name!r}; available models: one, two"


def test_no_models_at_all(folders: tuple[Path, Path]) -> None:
    folders[1].rmdir()
    assert available_models() == {}
    with pytest.raises(WeightsError, match=f"named '{DEFAULT_MODEL}'; available models: none$"):
        find_model()


def test_official_model_says_how_to_get_it(folders: tuple[Path, Path]) -> None:
    hint = r"; adain_core\.weights\.download\.download_vgg19\(\) fetches it$"
    with pytest.raises(WeightsError, match=hint) as caught:
        find_model("adain-vgg19")
    assert caught.value.remedy == "download_vgg19"


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache_folder() == tmp_path / "a"
    monkeypatch.setenv("ADAIN_CACHE", "")
    assert cache_folder() == tmp_path / "b" / "adain"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_folder() == tmp_path / "home" / ".cache" / "adain"

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(WeightsError, match=r"no home folder .*ADAIN_CACHE"):
        cache_folder()
    assert DEFAULT_MODEL in available_models()


def test_shipped_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "adain_core" / "weights"
    package.mkdir(parents=True)
    monkeypatch.setattr("adain_core.weights.model_files.__file__", str(package / "model_files.py"))
    assert shipped_folder() == tmp_path / "weights"
    (package / "adain-slim.safetensors").touch()
    assert shipped_folder() == package
