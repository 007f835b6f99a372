from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from adain_core import AdaINModel, Features, Style, StyleMismatchError, WeightsError, adain
from adain_core.style import StyleCache, normalized_weights

NAN, INFINITY = float("nan"), float("inf")


def style(seed: int = 0, fingerprint: str = "encoder-a", name: str = "wave") -> Style:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(10, generator=generator)
    return Style(mean, torch.rand(10, generator=generator), fingerprint, name)


# --- weights -------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=8).filter(any))
def test_weights_are_divided_by_their_sum(weights: list[float]) -> None:
    shares = normalized_weights(weights, len(weights))
    assert sum(shares) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in shares)
    total = sum(weight / max(weights) for weight in weights)
    assert shares == pytest.approx([weight / max(weights) / total for weight in weights])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (None, [1 / 3] * 3),
        ([1e38] * 3, [1 / 3] * 3),
        ([1.7e308] * 3, [1 / 3] * 3),
        ([1e-300] * 3, [1 / 3] * 3),
        ([5e-324, 0, 0], [1, 0, 0]),
        ([3, 1, 0], [0.75, 0.25, 0]),
        (torch.tensor([3, 1, 0]), [0.75, 0.25, 0]),
    ],
)
def test_extreme_weights(weights: list[float] | None, expected: list[float]) -> None:
    assert normalized_weights(weights, 3) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -0.1], "weights must be finite and 0 or more, got [1.0, -0.1]"),
        ([1, NAN], "weights must be finite and 0 or more, got [1.0, nan]"),
        ([1, INFINITY], "weights must be finite and 0 or more, got [1.0, inf]"),
        ([0, 0], "weights are all 0: give at least one style more than 0"),
        ([1], "weights must have one number for each style (2), got 1"),
        ([1, 2, 3], "weights must have one number for each style (2), got 3"),
        ([], "weights must have one number for each style (2), got 0"),
    ],
)
def test_bad_weights(weights: list[float], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Style.mix([style(1), style(2)], weights)
    assert str(caught.value) == message


# --- mix -----------------------------------------------------------------------------------------


def test_mix_is_linear_in_mean_and_std() -> None:
    one, two = style(1, name="wave"), style(2, name="stars")
    mixed = Style.mix([one, two], weights=[3, 1])
    torch.testing.assert_close(mixed.mean, 0.75 * one.mean + 0.25 * two.mean)
    torch.testing.assert_close(mixed.std, 0.75 * one.std + 0.25 * two.std)
    assert mixed.fingerprint == "encoder-a"
    assert mixed.name == "wave + stars"


def test_mix_without_weights_is_the_middle() -> None:
    one, two = style(1), style(2)
    torch.testing.assert_close(Style.mix([one, two]).mean, (one.mean + two.mean) / 2)


@pytest.mark.parametrize("weight", [1, 1e38, 1e-300])
def test_mix_of_one_is_itself(weight: float) -> None:
    assert Style.mix([style()], [weight]) == style()
    assert Style.mix([style(1), style(2)], [0, weight]) == style(2)


def test_mix_names_only_what_counts() -> None:
    styles = [style(1, name="a"), style(2, name="b"), style(3, name=""), style(4, name="a")]
    assert Style.mix(styles, [1, 0, 1, 1]).name == "a"


def test_mix_of_nothing() -> None:
    with pytest.raises(ValueError, match=r"^styles must hold at least one style, got none$"):
        Style.mix([])


def test_mix_of_different_encoders_names_both() -> None:
    with pytest.raises(StyleMismatchError) as caught:
        Style.mix([style(1, name="wave"), style(2, "encoder-b", "stars")])
    message = str(caught.value)
    assert "\n" not in message
    for part in ("'wave'", "encoder-a", "'stars'", "encoder-b"):
        assert part in message


# --- close-ups -----------------------------------------------------------------------------------


def with_closeup(number: float) -> Style:
    one, other = style(number), style(number + 10)
    return replace(one, closeup=(other.mean, other.std))


def test_statistics_come_closer() -> None:
    one = with_closeup(1)
    assert one.closeup is not None
    assert one.statistics() == (one.mean, one.std)
    for found, near, far in zip(
        one.statistics(0.25), one.closeup, (one.mean, one.std), strict=True
    ):
        torch.testing.assert_close(found, 0.25 * near + 0.75 * far)
    for found, own in zip(style(1).statistics(1), style(1).statistics(), strict=True):
        assert torch.equal(found, own)


def test_closeups_are_mixed_saved_and_compared(tmp_path: Path) -> None:
    one, plain = with_closeup(1), style(2)
    mixed = Style.mix([one, plain], weights=[3, 1])
    assert mixed.closeup is not None
    for found, near, own in zip(mixed.closeup, one.statistics(1), plain.statistics(), strict=True):
        torch.testing.assert_close(found, 0.75 * near + 0.25 * own)
    mixed.save(tmp_path / "mixed.safetensors")
    loaded = Style.load(tmp_path / "mixed.safetensors")
    assert loaded == mixed and loaded.closeup is not None
    assert loaded != replace(loaded, closeup=None)


@pytest.mark.parametrize(
    "closeup",
    [
        {"closeup_mean": torch.zeros(6)},
        {"closeup_std": torch.zeros(6)},
        {"closeup_mean": torch.zeros(6), "closeup_std": torch.full((6,), -1.0)},
        {"closeup_mean": torch.zeros(5), "closeup_std": torch.zeros(5)},
        {"closeup_mean": torch.full((6,), NAN), "closeup_std": torch.zeros(6)},
    ],
)
def test_wrong_closeups(closeup: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "wave.safetensors"
    metadata = {"format": "adain-style", "format_version": "1", "encoder": "encoder-a"}
    save_file({"mean": torch.zeros(6), "std": torch.zeros(6), **closeup}, path, metadata)
    assert "'closeup_mean' and 'closeup_std' like them, or neither" in refused(path)


# --- equality and repr ---------------------------------------------------------------------------


def test_equality() -> None:
    assert style() == style(name="another name")
    assert style() != style(fingerprint="encoder-b")
    assert style(1) != style(2)
    one = style()
    assert one != Style(one.mean, one.std + 1e-6, one.fingerprint)
    assert one != Style(one.mean[:5], one.std[:5], one.fingerprint)
    assert one != "wave"
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_repr_is_short(tiny: AdaINModel) -> None:
    assert repr(style()) == "Style('wave', 10 channels, encoder encoder-a)"
    long = Style(torch.zeros(512), torch.zeros(512), "0123456789ab", "a + very\nlong name " * 20)
    features = Features(torch.zeros(16, 512, 2, 2), (10_000, 10_000), "0123456789ab")
    for thing in (style(), long, features, tiny):
        assert len(repr(thing)) < 100
        assert "\n" not in repr(thing)
        assert "tensor" not in repr(thing)
    foreign = Style(torch.zeros(4), torch.ones(4), "\x1b[2J\0" + "x" * 9999)
    assert r"encoder \x1b[2J\x00xxx" in repr(foreign) and len(repr(foreign)) < 100
    assert "0123456789ab" in repr(long)
    assert "10000x10000" in repr(features)


# --- files ---------------------------------------------------------------------------------------


def test_file_gives_back_the_same_style(tmp_path: Path) -> None:
    path = tmp_path / "wave.safetensors"
    # Rows of one tensor share their memory, a stride of 2 is not contiguous.
    table = torch.randn(2, 20).abs()[:, ::2]
    for saved in (style(), Style(table[0], table[1], "encoder-a", "Die große Welle 🌊"), style(3)):
        saved.save(path)
        loaded = Style.load(path)
        assert loaded == saved
        assert loaded.name == saved.name
        assert loaded.mean.dtype == loaded.std.dtype == torch.float32
    assert [file.name for file in tmp_path.iterdir()] == ["wave.safetensors"]
    assert path.stat().st_size < 1000


def test_metadata_of_the_file(tmp_path: Path) -> None:
    style().save(tmp_path / "wave.safetensors")
    with safe_open(tmp_path / "wave.safetensors", "pt") as file:
        assert file.metadata() == {
            "format": "adain-style",
            "format_version": "1",
            "encoder": "encoder-a",
            "name": "wave",
        }


def test_style_of_a_model_survives_the_file(
    tiny: AdaINModel, make_image: Callable[..., Tensor], tmp_path: Path
) -> None:
    made = tiny.encode_style(make_image(30, 40), name="noise")
    made.save(tmp_path / "noise.safetensors")
    loaded = Style.load(tmp_path / "noise.safetensors")
    content = make_image(20, 20, seed=1)
    assert torch.equal(tiny.stylize(content, loaded), tiny.stylize(content, made))


def refused(path: Path) -> str:
    """Load a style that must not load; the message, checked to be one line that names the file."""
    with pytest.raises(WeightsError) as caught:
        Style.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


def test_missing_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.safetensors").endswith("no such file")
    assert refused(tmp_path).endswith("no such file")


def test_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "wave.safetensors"
    style().save(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert "damaged or not a safetensors file" in refused(path)


def test_damaged_file_never_raises_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "wave.safetensors"
    style().save(path)
    whole = path.read_bytes()
    generator = torch.Generator().manual_seed(0)
    for place in range(len(whole)):
        value = int(torch.randint(256, (), generator=generator))
        path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
        try:
            loaded = Style.load(path)
        except WeightsError as error:
            assert str(error).startswith(f"{path}: ")
        else:
            assert loaded.mean.isfinite().all()
            assert (loaded.std >= 0).all()


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"mean": torch.zeros(4)},
        {"std": torch.zeros(4)},
        {"mean": torch.zeros(4), "std": torch.zeros(5)},
        {"mean": torch.zeros(1, 4), "std": torch.zeros(1, 4)},
        {"mean": torch.zeros(()), "std": torch.zeros(())},
        {"mean": torch.zeros(0), "std": torch.zeros(0)},
        {"mean": torch.zeros(4), "std": torch.full((4,), -0.1)},
        {"mean": torch.full((4,), NAN), "std": torch.zeros(4)},
        {"mean": torch.zeros(4), "std": torch.full((4,), INFINITY)},
        {"mean": torch.zeros(4, dtype=torch.int32), "std": torch.zeros(4, dtype=torch.int32)},
        {"mean": torch.zeros(4), "std": torch.zeros(4, dtype=torch.complex64)},
    ],
)
def test_wrong_tensors(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "wave.safetensors"
    metadata = {"format": "adain-style", "format_version": "1", "encoder": "encoder-a"}
    save_file(tensors, path, metadata)
    assert "expected finite vectors 'mean' and 'std' of one length, std 0 or more" in refused(path)

    if len(tensors) == 2 and tensors["mean"].ndim:  # and no such file is written
        fault = r"(cannot save .*: it has NaN|as floats|as \(C,\), like its mean|as 0 or more)"
        with pytest.raises(ValueError, match=fault):
            Style(**tensors, fingerprint="encoder-a").save(tmp_path / "new.safetensors")
        assert not (tmp_path / "new.safetensors").exists()


def test_statistics_are_checked_as_they_are_used(tmp_path: Path) -> None:
    path = tmp_path / "wave.safetensors"
    metadata = {"format": "adain-style", "format_version": "1", "encoder": "encoder-a"}
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        save_file(
            {name: torch.full((4,), 0.5, dtype=dtype) for name in ("mean", "std")}, path, metadata
        )
        loaded = Style.load(path)
        assert loaded.mean.dtype == torch.float32 and loaded.std.tolist() == [0.5] * 4
    huge = torch.full((4,), 1e300, dtype=torch.float64)  # infinite in 32 bits
    save_file({"mean": huge, "std": torch.ones(4)}, path, metadata)
    assert "expected finite vectors 'mean' and 'std'" in refused(path)
    for dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
        save_file({"mean": torch.zeros(4).to(dtype), "std": torch.ones(4)}, path, metadata)
        assert f"tensor mean should be of 16 bits or more, got {dtype}; store it as" in refused(
            path
        )


def test_other_files(tiny_path: Path, tmp_path: Path) -> None:
    message = refused(tiny_path)
    assert message.endswith(
        "expected a file of format 'adain-style', got a file of format 'adain-model'"
    )
    path = tmp_path / "wave.safetensors"
    save_file({"mean": torch.zeros(4), "std": torch.zeros(4)}, path)
    assert refused(path).endswith("got a safetensors file without its metadata")
    save_file({}, path, {"format": "adain-style", "format_version": "2"})
    assert "expected format version 1, got '2'" in refused(path)
    path.write_text("not a style")
    assert "damaged or not a safetensors file" in refused(path)


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    for path in (tmp_path / "none" / "wave.safetensors", tmp_path / "folder.safetensors"):
        with pytest.raises(WeightsError, match="cannot be written") as caught:
            style().save(path)
        assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(ValueError, match=r"x\.txt: expected a file name ending in \.safetensors$"):
        style().save(tmp_path / "x.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.safetensors"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"mean": torch.zeros(6, 1)}, r"mean as \(C,\), like its mean, got \(6, 1\)"),
        ({"mean": torch.zeros(5)}, r"std as \(C,\), .*, got \(6,\) and a mean of \(5,\)"),
        ({"std": torch.full((6,), -0.5)}, "std as 0 or more, got -0.5"),
        ({"closeup": (torch.zeros(6), -torch.ones(6))}, "closeup_std as 0 or more, got -1.0"),
        ({"palette": (torch.zeros(4), torch.eye(3))}, r"palette_mean as \(3,\), got \(4,\)"),
        (
            {"palette": (torch.zeros(3), -torch.eye(3))},
            "palette_covariance with variances of 0 or more, got -1.0",
        ),
    ],
)
def test_what_is_no_style(fields: dict[str, Any], fault: str) -> None:
    valid = {"mean": torch.zeros(6), "std": torch.ones(6), "fingerprint": "encoder-a"}
    with pytest.raises(ValueError, match=f"^expected a style's {fault}"):
        Style(**{**valid, **fields})


# --- with models ---------------------------------------------------------------------------------


def test_style_of_another_model(
    tiny: AdaINModel,
    make_model: Callable[..., AdaINModel],
    make_image: Callable[..., Tensor],
) -> None:
    other = make_model(seed=7)
    assert other.fingerprint != tiny.fingerprint
    foreign = other.encode_style(make_image(16, 16), name="wave")
    content = make_image(16, 16, seed=1)
    for use in (
        lambda: tiny.stylize(content, foreign),
        lambda: tiny.stylize(content, [content, foreign], alpha=0),
        lambda: adain(tiny.encode(content), foreign),
        lambda: tiny.decode(other.encode(content)),
    ):
        with pytest.raises(StyleMismatchError) as caught:
            use()
        message = str(caught.value)
        assert tiny.fingerprint in message
        assert other.fingerprint in message
        assert "\n" not in message
    # Callers who check for bad arguments catch it as well.
    assert issubclass(StyleMismatchError, ValueError)


def test_cache_keeps_the_styles_used_last() -> None:
    cache, made = StyleCache(size=2), []

    def get(number: int) -> Style:
        def encode() -> Style:
            made.append(number)
            return Style(torch.full((2,), float(number)), torch.ones(2), "abc")

        style = cache.get([number, torch.zeros(3)], encode)
        assert style.mean[0] == number
        return style

    for number in (1, 2, 1, 3, 1, 2):  # 3 pushes out 2, which was used before 1
        get(number)
    assert made == [1, 2, 3, 2]


def test_cache_is_safe_between_threads() -> None:
    cache = StyleCache(size=1)
    mine, other = (Style(torch.ones(2), torch.ones(2), "e", name) for name in ("mine", "other"))

    class Interrupted(OrderedDict[bytes, Style]):
        """Another thread comes just after something was stored."""

        def __setitem__(self, key: bytes, value: Style) -> None:
            super().__setitem__(key, value)
            if value is mine:
                assert cache.get(["other"], lambda: other) is other

    cache.get(["mine"], lambda: mine)
    cache.styles = Interrupted(cache.styles)
    assert cache.get(["mine"], lambda: mine) is mine
    assert cache.get(["mine"], lambda: mine) is mine
