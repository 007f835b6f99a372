"""Files that are no images, and archives in and out."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from data_set import IMAGES, DataSet

from adain_core import AdaINModel, load_image
from adain_core.dataset import PlanOptions
from adain_core.images import read_image_file


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive}


def pack(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def label(data: DataSet) -> None:
    data.write("images/cats/1.txt", b"cat 0.5 0.5 1 1")
    data.write("images/cats/1.seg.png", (data / "images/cats/2.png").read_bytes())
    data.write("images/cats/10.txt", b"of no image")
    data.write("images/classes.txt", b"cats dogs")
    data.write("images/masks/cats/1.png", b"of any content")


@pytest.mark.parametrize("others", ["copy", "link"])
def test_other_files_come_along(data: DataSet, others: str) -> None:
    label(data)
    exclude = ("*.seg.png", "masks/*")
    data.stylize(data.job(others=others, exclude=exclude))
    names = {"cats/1.txt", "cats/1.seg.png", "cats/10.txt", "classes.txt", "masks/cats/1.png"}
    assert set(data.files()) == {*IMAGES, *names}
    for name in names:
        assert (data / "out" / name).is_symlink() == (others == "link")
        assert (data / "out" / name).read_bytes() == (data / "images" / name).read_bytes()

    plan = PlanOptions(per_image=2)
    data.stylize(data.job("two", plan, others=others, exclude=exclude))
    for suffix in (".txt", ".seg.png"):
        for number in (1, 2):
            content = (data / f"two/cats/1-{number}{suffix}").read_bytes()
            assert content == (data / f"images/cats/1{suffix}").read_bytes()
    assert (data / "two/cats/10.txt").exists()
    assert not (data / "two/cats/1.txt").exists()


def test_other_files_stay_unless_asked_for(data: DataSet) -> None:
    label(data)
    data.stylize(data.job(exclude=("*.seg.png", "masks/*")))
    assert set(data.files()) == set(IMAGES)


def test_the_records_of_a_data_set_stay_with_it(data: DataSet) -> None:
    data.stylize(data.job())
    data.stylize(data.job("again", PlanOptions(seed=1), images=data / "out", others="copy"))
    assert set(data.files("again")) == set(IMAGES)
    assert data.plan("again")[0]["seed"] == 1


def test_folders_into_archives(data: DataSet) -> None:
    label(data)
    job = data.job(
        "out",
        PlanOptions(shard_size=4, suffix=".png"),
        others="copy",
        exclude=("*.seg.png", "masks/*"),
    )
    data.stylize(job)
    data.stylize(replace(job, output=data / "loose", plan=PlanOptions(suffix=".png")), workers=2)
    first, second = members(data / "out/000000.tar"), members(data / "out/000001.tar")
    assert list(first) == [
        *("top.png", "cats/1.seg.png", "cats/1.txt", "cats/1.png", "cats/2.png", "cats/3.png")
    ]
    assert list(second) == ["dogs/1.png", "dogs/old/1.png"]
    assert first["cats/1.txt"] == b"cat 0.5 0.5 1 1"
    for name, content in {**first, **second}.items():
        if name in data.files("loose"):
            assert content == (data / "loose" / name).read_bytes()
    assert set(data.files()) == {
        *("000000.tar", "000001.tar", "cats/10.txt", "classes.txt", "masks/cats/1.png")
    }


def shards(data: DataSet) -> None:
    """The images as two archives, one of them below a folder."""
    for name, images in {"a.tar": list(IMAGES)[:4], "deep/b.tar": list(IMAGES)[4:]}.items():
        files: dict[str, bytes] = {}
        for number, image in enumerate(images):
            suffix = image.rpartition(".")[2]
            files[f"n/{number}.{suffix}"] = (data / "images" / image).read_bytes()
            files[f"n/{number}.cls"] = str(number).encode()
        pack(data / "shards" / name, files)


def test_archives_into_archives(data: DataSet, tiny: AdaINModel) -> None:
    shards(data)
    job = data.job("out", PlanOptions(per_image=2), images=data / "shards", others="copy")
    summary = data.stylize(job, workers=2)
    assert summary.stylized == 12
    assert set(data.files()) == {"a.tar", "deep/b.tar"}
    result = members(data / "out/a.tar")
    assert list(result)[:4] == ["n/0-1.cls", "n/0-1.png", "n/0-2.cls", "n/0-2.png"]
    assert result["n/3-2.cls"] == b"3"
    row = next(row for row in data.plan() if row["output"] == "a.tar/n/0-2.png")
    expected = tiny.stylize(
        data.image("cats/1.png"), data.artwork(row["artwork"]), stroke_size="single"
    )
    pixels = read_image_file("0-2.png", data=result["n/0-2.png"]).pixels
    torch.testing.assert_close(pixels, expected, rtol=0, atol=0.51 / 255)

    data.stylize(data.job("one", PlanOptions(per_image=2), images=data / "shards/a.tar"))
    assert set(data.files("one")) == {"a.tar"}
    assert set(members(data / "one/a.tar")) == {
        name for name in result if name.endswith(("g", "p"))
    }


def test_an_archive_goes_on_where_it_was_cut(data: DataSet) -> None:
    shards(data)
    job = data.job("out", images=data / "shards", others="copy")
    data.stylize(job)
    expected = data.files()
    whole = (data / "out/a.tar").read_bytes()
    (data / "out/a.tar").unlink()
    cut = whole.index(b"n/2.cls") + 100
    data.write("out/.adain/archives/a.tar.less", whole[: cut // 2])
    data.write("out/.adain/archives/a.tar.more", whole[:cut])
    summary = data.stylize(job)
    assert (summary.stylized, summary.before) == (2, 4)
    assert data.files() == expected
    assert data.stylize(job).stylized == 0
    assert data.files() == expected


def test_what_was_mended_is_added_to_its_archive(data: DataSet) -> None:
    shards(data)
    good = (data / "shards/a.tar").read_bytes()
    files = members(data / "shards/a.tar")
    pack(data / "shards/a.tar", files | {"n/1.png": b"no image"})
    job = data.job("out", images=data / "shards", others="copy")
    assert data.stylize(job).failed == 1
    assert list(members(data / "out/a.tar"))[-1] == "n/3.png"
    data.write("shards/a.tar", good)
    summary = data.stylize(job)
    assert (summary.stylized, summary.before, summary.failed) == (1, 5, 0)
    assert list(members(data / "out/a.tar"))[-2:] == ["n/1.cls", "n/1.png"]


def test_artworks_in_an_archive(data: DataSet, tiny: AdaINModel) -> None:
    pack(data / "art.tar", {"x/a.png": (data / "art/a.png").read_bytes()})
    data.stylize(data.job(styles=data / "art.tar"))
    expected = tiny.stylize(data.image("cats/1.png"), data.artwork("a.png"), stroke_size="single")
    result = load_image(data / "out/cats/1.png")
    torch.testing.assert_close(result, expected, rtol=0, atol=0.51 / 255)
    assert {row["artwork"] for row in data.plan()} == {"art.tar/x/a.png"}


def test_images_in_archives_are_not_put_into_others(data: DataSet) -> None:
    shards(data)
    job = data.job(plan=PlanOptions(shard_size=2), images=data / "shards")
    with pytest.raises(ValueError, match=r"a\.tar/n/0\.png is in a tar file"):
        data.stylize(job)


def test_links_in_a_tree_do_not_lead_in_circles(data: DataSet) -> None:
    (data / "images/dogs/around").symlink_to(data / "images", target_is_directory=True)
    (data / "images/birds").symlink_to(data / "images/cats", target_is_directory=True)
    data.stylize(data.job())
    assert set(data.files()) == {*IMAGES, "birds/1.png", "birds/2.png", "birds/3.jpg"}
