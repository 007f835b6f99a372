from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain_core.dataset.plan import (
    Part,
    PlanOptions,
    Row,
    count_rows,
    make_rows,
    read_parts,
    read_rows,
    write_plan,
)
from adain_core.dataset.trees import Tree
from adain_core.errors import ImageFileError, OptionError

ARTWORKS = [f"{number}.jpg" for number in range(20)]


def tree(folder: Path, *names: str) -> Tree:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Tree(folder)


def outputs(images: Tree, **options: object) -> list[str]:
    return [row.output for row in make_rows(images, ARTWORKS, PlanOptions(**options))]


def test_names_are_kept(tmp_path: Path) -> None:
    images = tree(tmp_path, "n01/a.JPEG", "n01/b.png", "n02/deep/a.JPEG", "top.webp", ".hidden.jpg")
    assert outputs(images) == ["top.webp", "n01/a.JPEG", "n01/b.png", "n02/deep/a.JPEG"]
    assert outputs(images, suffix=".png")[1] == "n01/a.png"
    assert outputs(images, per_image=2)[2:4] == ["n01/a-1.JPEG", "n01/a-2.JPEG"]


def test_names_that_cannot_be_kept(tmp_path: Path) -> None:
    """What cannot be written becomes a PNG, and makes way for what keeps its name."""
    assert outputs(tree(tmp_path, "a.bmp", "b.bmp", "b.png")) == ["a.png", "b.bmp.png", "b.png"]
    assert outputs(tree(tmp_path, "b.jpg"), suffix=".png")[1:] == [
        "b.bmp.png",
        "b.jpg.png",
        "b.png",
    ]
    tree(tmp_path, "b.bmp.png")
    with pytest.raises(ValueError, match=r"b\.bmp\.png and b\.bmp would both become b\.bmp\.png"):
        outputs(Tree(tmp_path))


def test_a_row_depends_on_its_image_and_the_seed_alone(tmp_path: Path) -> None:
    few = tree(tmp_path / "few", "a/1.jpg", "a/2.jpg")
    many = tree(tmp_path / "many", "a/0.jpg", "a/1.jpg", "a/2.jpg", "b/1.jpg")
    options = PlanOptions(per_image=3, alpha=(0.2, 0.9), seed=5)
    rows = {row.output: row for row in make_rows(many, ARTWORKS, options)}
    for row in make_rows(few, ARTWORKS, options):
        assert rows[row.output] == row
    assert list(make_rows(many, ARTWORKS, options)) == list(rows.values())
    others = make_rows(many, ARTWORKS, replace(options, seed=6))
    assert [row.artwork for row in others] != [row.artwork for row in rows.values()]


def test_what_a_seed_gives_never_changes(tmp_path: Path) -> None:
    """The same options give the same plan, also years later."""
    (row,) = make_rows(tree(tmp_path, "a.jpg"), ARTWORKS, PlanOptions(alpha=(0.5, 1), seed=1))
    assert row == Row("a.jpg", "0.jpg", 0.5818, 1, "a.jpg")


def test_artworks_and_alphas_are_spread(tmp_path: Path) -> None:
    images = tree(tmp_path, *(f"{number}.jpg" for number in range(400)))
    rows = list(make_rows(images, ARTWORKS, PlanOptions(per_image=5, alpha=(0.5, 1))))
    uses = Counter(row.artwork for row in rows)
    assert set(uses) == set(ARTWORKS)
    assert max(uses.values()) < 2 * min(uses.values())
    for start in range(0, len(rows), 5):
        assert len({row.artwork for row in rows[start : start + 5]}) == 5
    alphas = sorted(row.alpha for row in rows)
    assert 0.5 <= alphas[0] < 0.51
    assert 0.99 < alphas[-1] <= 1
    assert abs(sum(alphas) / len(alphas) - 0.75) < 0.01


def test_tar_shards(tmp_path: Path) -> None:
    images = tree(tmp_path, *(f"n/{number}.v2.jpg" for number in range(5)))
    assert outputs(images, shard_size=2) == [
        *("000000.tar/n/0_v2.jpg", "000000.tar/n/1_v2.jpg"),
        *("000001.tar/n/2_v2.jpg", "000001.tar/n/3_v2.jpg"),
        "000002.tar/n/4_v2.jpg",
    ]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"per_image": 0}, "per_image"),
        ({"alpha": (0.5, 1.1)}, "alpha"),
        ({"alpha": (0.9, 0.1)}, "alpha"),
        ({"alpha": (float("nan"), 1)}, "alpha"),
        ({"shard_size": -1}, "shard_size"),
    ],
)
def test_bad_options(options: dict[str, object], field: str) -> None:
    with pytest.raises(OptionError) as caught:
        PlanOptions(**options)
    assert caught.value.field == field


def test_too_few_artworks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at least 3 artworks, .* got 2"):
        list(make_rows(tree(tmp_path), ARTWORKS[:2], PlanOptions(per_image=3)))


def test_no_such_tree(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"none: expected a folder or a \.tar file"):
        Tree(tmp_path / "none")


NAMES = st.text(
    st.characters(exclude_characters='\\/:."', exclude_categories=["Cs", "Cc"]), min_size=1
)


@given(
    names=st.lists(NAMES, unique=True, min_size=1, max_size=12),
    batch_size=st.integers(1, 5),
    blank=st.booleans(),
)
def test_parts_cover_a_plan_once(
    names: list[str], batch_size: int, blank: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [
        Row(
            name,
            "b.jpg",
            0.5,
            1,
            f"s{number // 4}.tar/{name}.jpg" if number % 8 < 4 else f"{name}.jpg",
        )
        for number, name in enumerate(names)
    ]
    path = tmp_path_factory.mktemp("plan") / "plan.jsonl"
    write_plan(path, rows)
    if blank:
        path.write_bytes(b"\n" + path.read_bytes().replace(b"\n", b"\n\n"))
    parts = list(read_parts(path, batch_size))
    assert [row for _, inner in parts for row in inner] == rows
    assert count_rows(path) == len(rows)
    for part, inner in parts:
        assert read_rows(path, part) == inner
        assert (part.first, part.end) == (0, len(inner))
        assert {row.archive for row in inner} == {part.archive}
        assert part.archive or len(inner) <= batch_size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alpha": 1.5}, r"line 2: alpha must lie in 0\.\.1, got 1\.5"),
        ({"alpha": float("nan")}, r"line 2: alpha must lie in 0\.\.1, got nan"),
        ({"alpha": "1"}, "line 2: alpha must lie"),
        ({"output": "../x.jpg"}, "line 2: output must stay below its folder"),
        ({"output": "/x.jpg"}, "line 2: output must stay below its folder"),
        ({"output": "C:/x.jpg"}, "line 2: output must stay below its folder"),
        ({"image": ""}, "line 2: expected a relative path as image"),
        ({"output": "x.gif"}, "line 2: .* expected a file name ending in"),
        ({"output": "a.jpg"}, "line 2: a.jpg is there already"),
    ],
)
def test_an_edited_plan_is_checked(tmp_path: Path, change: dict[str, object], message: str) -> None:
    rows = [
        {"image": n, "artwork": n, "alpha": 1, "seed": 0, "output": n} for n in ("a.jpg", "b.jpg")
    ]
    rows[1] |= change
    path = tmp_path / "plan.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ValueError, match=message):
        list(read_parts(path, 8))


def test_rows_of_an_archive_stay_together(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    write_plan(path, [Row(n, "x", 1, 0, f"{n}.tar/x{i}.jpg") for i, n in enumerate("aba")])
    with pytest.raises(
        ValueError, match=r"line 3: expected all rows of a\.tar one after the other"
    ):
        list(read_parts(path, 8))


def test_malformed_lines_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text('{"image": "a.jpg"}\n')
    with pytest.raises(ValueError, match="line 1: expected an object with image, artwork, alpha"):
        list(read_parts(path, 8))
    path.write_text("[]\n")
    with pytest.raises(ValueError, match="line 1: expected an object"):
        list(read_parts(path, 8))
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"line 1: .*while decoding"):
        list(read_parts(path, 8))
    assert read_rows(path, Part(0, 0, "", 0, 0)) == []
