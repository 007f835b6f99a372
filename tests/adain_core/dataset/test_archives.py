from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain_core.dataset.archives import ArchiveWriter, read_index, read_member, split_archive
from adain_core.errors import ImageFileError

SAMPLES = [
    [("dogs/1.cls", b"dog"), ("dogs/1.jpg", b"a" * 700)],
    [("dogs/2.jpg", b"b" * 512)],
    [("c" * 120 + ".jpg", b"")],  # too long for a header of its own
    [("4.json", b"{}"), ("4.jpg", b"d" * 1500)],
]
LAST_NAMES = {sample[-1][0] for sample in SAMPLES}


def write(folder: Path, samples: list[list[tuple[str, bytes]]]) -> Path:
    writer = ArchiveWriter(folder / "a.tar", folder / "unfinished", LAST_NAMES)
    for sample in samples:
        if sample[-1][0] not in writer.names:
            writer.add(sample)
    writer.finish()
    return folder / "a.tar"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b.jpg", ("", "a/b.jpg")),
        ("a.tar/b/c.jpg", ("a.tar", "b/c.jpg")),
        ("x/a.TAR/b.jpg", ("x/a.TAR", "b.jpg")),
        ("a.tar", ("", "a.tar")),
    ],
)
def test_split_archive(name: str, parts: tuple[str, str]) -> None:
    assert split_archive(name) == parts


def test_others_read_what_is_written(tmp_path: Path) -> None:
    path = write(tmp_path, SAMPLES)
    assert [file.name for file in tmp_path.iterdir()] == ["a.tar"]
    expected = [file for sample in SAMPLES for file in sample]
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        assert [(m.name, archive.extractfile(m).read()) for m in members] == expected
        assert {(m.mtime, m.uid, m.uname, m.mode) for m in members} == {(0, 0, "", 0o644)}
    assert list(read_index(path)) == [name for name, _ in expected]
    assert all(read_member(path, name) == content for name, content in expected)


@given(data=st.data())
def test_an_archive_cut_anywhere_goes_on_to_the_same_bytes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = write(tmp_path_factory.mktemp("whole"), SAMPLES).read_bytes()
    folder = tmp_path_factory.mktemp("cut")
    cut = data.draw(st.integers(0, len(whole)))
    (folder / "unfinished").write_bytes(whole[:cut])
    assert write(folder, SAMPLES).read_bytes() == whole


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"none\.tar: expected an uncompressed tar file"):
        read_index(tmp_path / "none.tar")
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"), io.BytesIO())
    with pytest.raises(ImageFileError, match=r"packed\.tar: expected an uncompressed tar file"):
        read_index(tmp_path / "packed.tar")
    with pytest.raises(ImageFileError, match="no such file in the archive"):
        read_member(write(tmp_path, SAMPLES), "none.jpg")


def test_an_archive_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path, SAMPLES[:1])
    assert len(read_index(path)) == 2
    write(tmp_path, SAMPLES)
    assert len(read_index(path)) == 6
