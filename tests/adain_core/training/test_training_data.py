"""Crops: a function of seed and number alone; broken files; folders."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import PIL.Image
import pytest
import torch
from torch import Tensor

from adain_core import ImageFileError
from adain_core.images import ImageFile, load_image, read_image_file, save_image
from adain_core.training import TrainingConfig
from adain_core.training.data import Augmentation, Crops, crop_batches, seeded

MakeImage = Callable[..., Tensor]


@pytest.mark.parametrize("side", [49, 98, 103])
def test_sizes_as_small_as_the_crop(tmp_path: Path, make_image: MakeImage, side: int) -> None:
    save_image(tmp_path / "image.png", make_image(side, side + 30))
    assert int(side * (128 / side)) == 127  # floats alone would miss it
    crop, broken = Crops(str(tmp_path), (128, 128), 128, seed=0)[0]
    assert crop.shape == (3, 128, 128) and not broken


def test_crops_depend_on_seed_and_number_alone(config: TrainingConfig) -> None:
    first, second = (Crops(config.content, (32, 40), 32, seed=5) for _ in range(2))
    backwards = {number: second[number][0] for number in reversed(range(9))}
    for number in range(9):
        crop, broken = first[number]
        assert crop.shape == (3, 32, 32)
        assert torch.equal(crop, backwards[number])
        assert broken == frozenset()
    assert not torch.equal(first[0][0], Crops(config.content, (32, 40), 32, seed=6)[0][0])


def test_recolored_crops(config: TrainingConfig, tmp_path: Path, make_image: MakeImage) -> None:
    plain, always, half = (
        Crops(config.content, (32, 40), 32, 5, Augmentation(share)) for share in (0, 1, 0.5)
    )
    assert all((plain[n][0] - always[n][0]).abs().mean() > 0.01 for n in range(24))
    assert all(torch.equal(always[n][0], always[n][0]) for n in range(3))
    changed = sum(not torch.equal(plain[n][0], half[n][0]) for n in range(24))
    assert 6 <= changed <= 18
    # Of gray nothing but the curve from old to new brightness changes: the place is the same.
    gray = make_image(48, 40).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    save_image(tmp_path / "gray.png", 0.3 + 0.4 * gray)
    plain, always = (Crops(str(tmp_path), (32, 40), 32, 5, Augmentation(share)) for share in (0, 1))
    for number in range(6):
        both = torch.stack([plain[number][0].flatten(), always[number][0].flatten()])
        assert torch.corrcoef(both)[0, 1].abs() > 0.7


def test_exchanged_palettes(tmp_path: Path, make_image: MakeImage) -> None:
    """Crops take the mean and std of another image's colors, and keep their own structure."""
    moments = []
    for name, levels in {"red": (0.6, 0.4, 0.3), "blue": (0.3, 0.35, 0.6)}.items():
        image = torch.tensor(levels).reshape(3, 1, 1) + 0.2 * (make_image(40, 40)[0] - 0.5)
        save_image(tmp_path / f"{name}.png", image[None])
        image = load_image(tmp_path / f"{name}.png")[0]
        moments.append(torch.stack([image.mean((1, 2)), image.std((1, 2))]))
    plain = Crops(str(tmp_path), (40, 40), 32, 5)
    exchanged = Crops(str(tmp_path), (40, 40), 32, 5, Augmentation(palette_exchange=1))
    taken = set()
    for number in range(12):
        before, after = plain[number][0], exchanged[number][0]
        found = torch.stack([after.mean((1, 2)), after.std((1, 2))])
        distances = [(found - expected).abs().max().item() for expected in moments]
        assert min(distances) < 1e-5
        taken.add(distances.index(min(distances)))
        for channel in range(3):
            both = torch.stack([before[channel].flatten(), after[channel].flatten()])
            assert torch.corrcoef(both)[0, 1] == pytest.approx(1, abs=1e-5)
    assert taken == {0, 1}
    half = Crops(str(tmp_path), (40, 40), 32, 5, Augmentation(palette_exchange=0.5))
    changed = sum(not torch.equal(plain[n][0], half[n][0]) for n in range(24))
    assert 6 <= changed <= 18


def test_turned_crops(config: TrainingConfig) -> None:
    plain = Crops(config.content, (32, 40), 32, 5)
    turned = Crops(config.content, (32, 40), 32, 5, Augmentation(turn=True))
    turns = set()
    for number in range(24):
        same = [
            quarter
            for quarter in range(4)
            if torch.equal(plain[number][0].rot90(quarter, (1, 2)), turned[number][0])
        ]
        assert same
        turns |= set(same)
    assert turns == {0, 1, 2, 3}


def test_crops_without_mirroring(config: TrainingConfig) -> None:
    mirrored, plain = (
        Crops(config.content, (32, 40), 32, 5, Augmentation(flip=flip)) for flip in (True, False)
    )
    same = []
    for number in range(24):
        crop, expected = plain[number][0], mirrored[number][0]
        same.append(torch.equal(crop, expected))
        assert same[-1] or torch.equal(crop.flip(2), expected)
    assert 6 <= sum(same) <= 18


def test_images_in_sub_folders(tmp_path: Path, make_image: MakeImage) -> None:
    root = tmp_path / "art [1]"
    for name in ("b", "Baroque/a", "Cubism/late/c"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(root / f"{name}.png", make_image(32, 32))
    crops = Crops(root, (32, 32), 32, seed=0)
    assert {path.stem for path in crops.paths} == {"a", "b", "c"}


def test_large_jpegs_are_decoded_smaller(
    tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Tensor] = []

    def record(path: Path, min_side: int) -> ImageFile:
        file = read_image_file(path, min_side=min_side)
        read.append(file.pixels[0])
        return file

    monkeypatch.setattr("adain_core.training.data.read_image_file", record)
    save_image(tmp_path / "a.jpg", make_image(100, 127))
    Crops(tmp_path, (16, 32), 16, seed=0)[0]  # less than four times as large
    assert torch.equal(read[0], load_image(tmp_path / "a.jpg")[0])
    Crops(tmp_path, (16, 25), 16, seed=0)[0]
    assert read[1].shape == (3, 50, 64)
    halved = torch.nn.functional.interpolate(read[0][None], (50, 64), mode="area")[0]
    assert (read[1] - halved).abs().mean() < 0.03


def test_reading_crops_leaves_the_global_generator_alone(config: TrainingConfig) -> None:
    state = torch.random.get_rng_state()
    Crops(config.content, (32, 40), 32, seed=5)[3]
    assert torch.equal(state, torch.random.get_rng_state())


def test_each_pass_shows_every_image_once(tmp_path: Path) -> None:
    for number in range(6):
        save_image(tmp_path / f"{number}.png", torch.full((1, 3, 32, 32), number / 5))
    crops = Crops(str(tmp_path), (32, 40), 32, seed=5)
    shown = [round(5 * crops[number][0].mean().item()) for number in range(18)]
    for lap in range(3):
        assert sorted(shown[lap * 6 : lap * 6 + 6]) == list(range(6))
    assert shown[:6] != shown[6:12]


def test_batches_start_anywhere_and_are_shared_between_processes(config: TrainingConfig) -> None:
    crops = Crops(config.content, (32, 40), 32, seed=5)
    whole = torch.cat([next(b)[0] for b in [crop_batches(crops, 8, 0, 0)]])
    from_three = next(crop_batches(crops, 2, 0, 3))[0]
    assert torch.equal(from_three, whole[3:5])
    odd = next(crop_batches(crops, 2, 0, 1, stride=2))[0]
    assert torch.equal(odd, whole[[1, 3]])


def test_worker_processes_read_the_same(config: TrainingConfig) -> None:
    crops = Crops(config.content, (32, 40), 32, seed=5)
    batches = [crop_batches(crops, 4, workers, 0) for workers in (0, 2)]
    for _ in range(2):
        here, there = (next(source)[0] for source in batches)
        assert torch.equal(here, there)


def test_broken_images_are_replaced_and_counted(tmp_path: Path, make_image: MakeImage) -> None:
    for number in range(3):
        save_image(tmp_path / f"{number}.png", make_image(32, 32, seed=number))
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:100])
    crops = Crops(str(tmp_path), (32, 32), 32, seed=0)
    found = [crops[number] for number in range(3)]
    assert frozenset().union(*(broken for _, broken in found)) == {1}
    assert all(crop.shape == (3, 32, 32) for crop, _ in found)


def test_a_readable_image_is_found_among_broken_ones(tmp_path: Path, make_image: MakeImage) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    save_image(tmp_path / "b.png", make_image(32, 32) * 0.5 + 0.5)
    # On the border of two passes the order may have the broken file twice, one after the other.
    crops = Crops(str(tmp_path), (32, 32), 32, seed=0)
    assert all(crops[number][0].min() > 0.4 for number in range(20))


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_images_are_named_when_they_are_met(
    tmp_path: Path, make_image: MakeImage, workers: int
) -> None:
    for number in range(6):
        save_image(tmp_path / f"{number}.png", make_image(32, 32, seed=number))
    (tmp_path / "4.png").write_bytes(b"no image")
    told: list[str] = []
    crops = Crops(str(tmp_path), (32, 32), 32, seed=0)
    batches = crop_batches(crops, 2, workers, 0, warn=told.append)
    for _ in range(9):  # three passes
        next(batches)
    assert told == [f"{tmp_path / '4.png'} cannot be read; other images take its place"]


class Scans:
    """Reads a file; spawned processes import it from here."""

    def __init__(self, path: Path) -> None:
        self.folder, self.paths = path.parent, [path]

    def __getitem__(self, number: int) -> tuple[Tensor, frozenset[int]]:
        try:
            return read_image_file(self.paths[0]).pixels[0], frozenset()
        except ImageFileError:
            return torch.zeros(3, 1, 1), frozenset({0})


@pytest.fixture
def spawned() -> Iterator[None]:
    """Processes start anew, as on Windows and macOS."""
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.slow
@pytest.mark.usefixtures("spawned")
def test_spawned_workers_have_the_limit_of_pixels(
    tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(tmp_path / "scan.png", make_image(20, 30))
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)  # Pillow reads twice as many
    with pytest.raises(ImageFileError, match="none of its images can be read"):
        next(crop_batches(Scans(tmp_path / "scan.png"), 1, 1, 0))


@pytest.mark.parametrize("workers", [0, 1])
def test_only_broken_images(tmp_path: Path, workers: int) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no image")
    crops = Crops(
        str(tmp_path), (32, 32), 32, seed=0, augmentation=Augmentation(palette_exchange=1.0)
    )
    with pytest.raises(ImageFileError) as error:
        next(crop_batches(crops, 2, workers, 0))
    assert str(error.value) == f"{tmp_path}: none of its images can be read"


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"photoz: expected a folder of images, found none"):
        Crops(str(tmp_path / "photoz"), (32, 32), 32, seed=0)


def test_seeded_generators_differ() -> None:
    numbers = {torch.rand(1, generator=seeded(*key)).item() for key in [(0,), (1,), (0, 0), (0, 1)]}
    assert len(numbers) == 4
