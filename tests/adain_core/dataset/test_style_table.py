from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from adain_core import Style, WeightsError
from adain_core.dataset.style_table import TABLE_KIND, StyleTable, merge_tables, write_table
from adain_core.errors import ImageFileError


def style(value: float) -> Style:
    return Style(torch.full((3,), float(value)), torch.full((3,), 2.0 * value), "cafe")


def test_tables_hold_styles_and_failures(tmp_path: Path) -> None:
    path = tmp_path / "table.safetensors"
    write_table(path, {"a.jpg": style(1), "b/ü.jpg": style(2)}, {"c.jpg": "no image"}, "cafe")
    table = StyleTable(path)
    assert list(table.names()) == ["a.jpg", "b/ü.jpg"]
    assert table.style("b/ü.jpg") == style(2)
    assert table.fingerprint == "cafe"
    with pytest.raises(ImageFileError, match=r"^no image$"):
        table.style("c.jpg")
    with pytest.raises(ImageFileError, match=r"^d\.jpg has no style$"):
        table.style("d.jpg")


def test_merged_tables_keep_every_style(tmp_path: Path) -> None:
    """One that failed first and was read later has a style; a style is never lost."""
    tables = [tmp_path / f"{number}.safetensors" for number in range(4)]
    write_table(tables[0], {"b": style(2)}, {"a": "no image", "z": "no file"}, "cafe")
    write_table(tables[1], {"a": style(1)}, {"b": "gone"}, "cafe")
    write_table(tables[2], {}, {}, "cafe")
    write_table(tables[3], {"c": style(3), "a": style(4)}, {}, "cafe")
    merge_tables(tables[0], tables)
    table = StyleTable(tables[0])
    assert list(table.names()) == ["a", "b", "c"]
    assert [table.style(name) for name in "abc"] == [style(4), style(2), style(3)]
    assert table.failures == {"z": "no file"}


def test_palettes(tmp_path: Path) -> None:
    """A style without one takes it from no other."""
    paths = [tmp_path / f"{n}.safetensors" for n in range(3)]
    one, two = (
        replace(style(n), palette=(torch.full((3,), 0.1 * n), n * torch.eye(3))) for n in (1, 2)
    )
    write_table(paths[0], {"a": one, "b": two}, {}, "cafe")
    write_table(paths[1], {"c": two}, {}, "cafe")
    write_table(paths[2], {"d": style(3)}, {}, "cafe")
    merge_tables(paths[0], paths[:2])
    table = StyleTable(paths[0])
    assert [table.style(name) for name in "abc"] == [one, two, two]
    merge_tables(paths[0], [paths[0], paths[2]])
    table = StyleTable(paths[0])
    assert [table.style(name) for name in "abcd"] == [one, two, two, style(3)]
    write_table(paths[1], {"a": style(1), "b": two}, {}, "cafe")
    assert [StyleTable(paths[1]).style(name) for name in "ab"] == [style(1), two]


def test_closeups(tmp_path: Path) -> None:
    """One style with a close-up gives all of them one, of their own statistics."""
    path, other = tmp_path / "table.safetensors", tmp_path / "other.safetensors"
    near = replace(style(1), closeup=(style(5).mean, style(5).std))
    write_table(path, {"a": near, "b": style(2)}, {}, "cafe")
    assert StyleTable(path).style("a") == near
    own = replace(style(2), closeup=(style(2).mean, style(2).std))
    assert StyleTable(path).style("b") == own
    write_table(other, {"c": style(3)}, {}, "cafe")
    assert StyleTable(other).style("c") == style(3)
    merge_tables(path, [other, path])
    assert [StyleTable(path).style(name) for name in "ab"] == [near, own]
    assert StyleTable(path).style("c").closeup is not None


def test_a_table_without_styles_keeps_its_failures(tmp_path: Path) -> None:
    path = tmp_path / "table.safetensors"
    write_table(path, {}, {"a": "no image"}, "cafe")
    merge_tables(path, [path, path])
    assert list(StyleTable(path).names()) == []
    assert StyleTable(path).failures == {"a": "no image"}


def test_no_table(tmp_path: Path) -> None:
    path = tmp_path / "table.safetensors"
    with pytest.raises(WeightsError, match="no such file"):
        StyleTable(path)
    save_file({"mean": torch.zeros(3)}, path, {"format": "adain-style", "format_version": "1"})
    with pytest.raises(WeightsError, match="expected a file of format 'adain-style-table'"):
        StyleTable(path)
    metadata = {"format": TABLE_KIND, "format_version": "1", "names": json.dumps(["a"])}
    save_file({"mean": torch.zeros(1, 3)}, path, metadata)
    with pytest.raises(WeightsError, match="its metadata cannot be read"):
        StyleTable(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": "true"}, "its metadata cannot be read: 'bool' object"),
        ({"names": "[[]]", "mean": torch.zeros(2, 3)}, r"expected statistics of 1 styles, got F32"),
        ({"failures": "[3]"}, "its metadata cannot be read"),
        ({"failures": "[" * 100_000}, "its metadata cannot be read: .*while decoding"),
        ({"mean": torch.zeros(0, 3)}, r"statistics of 1 styles, got F32 of shape \(0, 3\)"),
        ({"std": torch.zeros(1, 3).half()}, r"statistics of 1 styles, got F16 of shape \(1, 3\)"),
        ({"std": torch.zeros(3)}, r"statistics of 1 styles, got F32 of shape \(3,\)"),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "table.safetensors"
    text = {"format": TABLE_KIND, "format_version": "1", "encoder": "cafe"}
    whole = {"names": '["a"]', "failures": "{}", **{n: torch.zeros(1, 3) for n in ("mean", "std")}}
    content = {**whole, **changes}
    tensors = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    save_file(tensors, path, {**text, **{n: v for n, v in content.items() if n not in tensors}})
    with pytest.raises(WeightsError, match=message):
        StyleTable(path)
