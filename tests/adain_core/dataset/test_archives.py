from __future__ import annotations

import io
import random
import shutil
import tarfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain_core.dataset.archives import ArchiveWriter, read_index, read_member, split_archive
from adain_core.dataset.plan import Part, Row
from adain_core.dataset.results import Results, Sink
from adain_core.errors import DatasetError, ImageFileError

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


def open_sink(folder: Path) -> Sink:
    names = [f"a.tar/{sample[-1][0]}" for sample in SAMPLES]
    rows = [Row("x.jpg", "y.jpg", 1.0, 0, name) for name in names]
    return Results(folder).open(Part(0, 1, "a.tar", 0, len(rows)), rows)


def add(sink: Sink, number: int) -> None:
    *companions, (name, content) = SAMPLES[number]
    row = Row("x.jpg", "y.jpg", 1.0, 0, f"a.tar/{name}")
    if not sink.has(row):
        stem = name.rpartition(".")[0]
        others = [(other.removeprefix(stem), data) for other, data in companions]
        sink.add(row, sink.stage(content), others)


def test_a_worker_that_was_given_up_finishes_amid_the_next_one(tmp_path: Path) -> None:
    """Nothing is lost: the archive is whole, whoever is faster."""
    whole = write(tmp_path, SAMPLES).read_bytes()
    (tmp_path / "a.tar").unlink()
    given_up = open_sink(tmp_path)
    for number in range(3):
        add(given_up, number)
    following = open_sink(tmp_path)  # takes a copy of its three samples, and its file away
    add(given_up, 3)
    with pytest.raises(DatasetError, match=r"cannot write .*a\.tar: No such file"):
        given_up.finish()
    for number in range(4):
        add(following, number)
    following.finish()
    assert (tmp_path / "a.tar").read_bytes() == whole


def test_a_file_that_goes_while_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was given up gives its archive the name at the worst moment."""
    whole = write(tmp_path, SAMPLES).read_bytes()
    (tmp_path / "a.tar").unlink()
    given_up = open_sink(tmp_path)
    for number in range(4):
        add(given_up, number)
    copy = shutil.copyfile

    def finish_before(source: Path, target: Path) -> object:
        given_up.finish()
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", finish_before)
    following = open_sink(tmp_path)
    monkeypatch.undo()
    for number in range(4):
        add(following, number)
    following.finish()
    assert (tmp_path / "a.tar").read_bytes() == whole
    assert not list((tmp_path / ".adain/archives").iterdir())


def test_a_whole_archive_counts_more_than_what_is_left_of_it(tmp_path: Path) -> None:
    whole = write(tmp_path, SAMPLES)
    identity = whole.stat().st_ino
    left = tmp_path / ".adain/archives/a.tar.left"
    left.parent.mkdir(parents=True)
    left.write_bytes(whole.read_bytes()[:2048])
    sink = open_sink(tmp_path)
    for number in range(4):
        add(sink, number)
    sink.finish()
    assert whole.stat().st_ino == identity and not left.exists()


def test_workers_at_one_archive_at_once(tmp_path: Path) -> None:
    """As after a driver's death: old workers write on while new ones begin, again and again."""
    whole = write(tmp_path, SAMPLES).read_bytes()
    (tmp_path / "a.tar").unlink()
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(30):
            try:
                sink, amount = open_sink(tmp_path), chance.choice([1, 2, 4, 4])
                for number in range(amount):
                    time.sleep(chance.uniform(0, 0.001))
                    add(sink, number)
                    # Nothing is ever there that is not whole.
                    if (tmp_path / "a.tar").exists():
                        assert (tmp_path / "a.tar").read_bytes() == whole
                if amount == len(SAMPLES):
                    sink.finish()
                sink.close()
                if chance.random() < 0.3:
                    (tmp_path / "a.tar").unlink(missing_ok=True)
            except DatasetError:
                pass  # another worker has taken its file away
            except FileNotFoundError as error:
                if error.filename != str(tmp_path / "a.tar"):
                    errors.append(error)
            except BaseException as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    last = open_sink(tmp_path)
    for number in range(4):
        add(last, number)
    last.finish()
    assert (tmp_path / "a.tar").read_bytes() == whole
    assert not list((tmp_path / ".adain/archives").iterdir())
