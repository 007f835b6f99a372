from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from data_set import IMAGES, DataSet, read_lines
from torch import Tensor

from adain_core import AdaINModel, Style, load_image
from adain_core.dataset import LocalRunner, PlanOptions, Shard, stylize_dataset
from adain_core.dataset.job import Report
from adain_core.dataset.local import Task
from adain_core.errors import AdaINError, DatasetError, OptionError
from adain_core.pixels import as_float

NAMES = set(IMAGES)


def test_each_result_is_its_image_in_its_artwork(data: DataSet, tiny: AdaINModel) -> None:
    summary = data.stylize(data.job(plan=PlanOptions(alpha=(0.3, 1), suffix=".png")))
    assert (summary.rows, summary.stylized, summary.before, summary.failed) == (6, 6, 0, 0)
    plan = data.plan()
    assert {row["image"] for row in plan} == NAMES
    for row in plan:
        content = data.image(row["image"])
        expected = tiny.stylize(
            content, data.artwork(row["artwork"]), alpha=row["alpha"], stroke_size="single"
        )
        result = load_image(data / "out" / row["output"])
        assert result.shape == content.shape
        torch.testing.assert_close(result, expected, rtol=0, atol=0.51 / 255)


def test_the_same_tree_comes_out_and_nothing_else(data: DataSet) -> None:
    data.stylize(data.job())
    assert set(data.files()) == NAMES
    records = {path.name for path in (data / "out").iterdir() if path.name not in ("cats", "dogs")}
    assert records == {
        *("adain-plan.jsonl", "adain-settings.json", "adain-styles.safetensors", "top.webp")
    }


def test_the_same_bits_by_any_number_of_workers_and_shares(data: DataSet) -> None:
    job = data.job(plan=PlanOptions(per_image=3, alpha=(0.5, 1)))
    data.stylize(job)
    expected = data.files()
    assert len(expected) == 18
    for workers in (2, 4):
        data.stylize(replace(job, output=data / f"{workers}"), workers)
        assert data.files(f"{workers}") == expected
    for number in (3, 1, 2):
        before = data.files("shares") if number != 3 else {}
        summary = data.stylize(replace(job, output=data / "shares"), shard=Shard(number, 3))
        assert summary.rows == len(data.files("shares")) - len(before) == 6
    assert data.files("shares") == expected
    assert not (data / "shares" / ".adain").exists()


@pytest.mark.parametrize("batch_size", [4, 32])
def test_shares_are_equal_whatever_the_batch(data: DataSet, batch_size: int) -> None:
    job = data.job(plan=PlanOptions(per_image=2), batch_size=batch_size)
    data.stylize(job)
    rows = [
        data.stylize(replace(job, output=data / "shares"), shard=Shard(number, 5)).stylized
        for number in (2, 1, 5, 3, 4)
    ]
    assert sorted(rows) == [2, 2, 2, 3, 3]
    assert data.files("shares") == data.files()
    assert not (data / "shares" / ".adain").exists()


def test_size_and_crop(data: DataSet, tiny: AdaINModel) -> None:
    (data / "images/top.webp").unlink()
    data.stylize(data.job(size=18, crop=16, style_size=32))
    for name in data.files():
        assert load_image(data / "out" / name).shape == (1, 3, 16, 16)
    row = next(row for row in data.plan() if row["image"] == "cats/1.png")
    style = tiny.encode_style(data.artwork(row["artwork"]), size=32)
    content = torch.nn.functional.interpolate(
        data.image(row["image"]), (18, 24), mode="bilinear", antialias=True
    )[:, :, 1:17, 4:20]
    expected = tiny.stylize(content, style, stroke_size="single")
    result = load_image(data / "out/cats/1.png")
    torch.testing.assert_close(result, expected, rtol=0, atol=1 / 255)


@pytest.mark.parametrize("stroke_size", ["single", 4.0])
def test_stroke_size(
    data: DataSet, tiny: AdaINModel, make_image: Callable[..., Tensor], stroke_size: str | float
) -> None:
    """One pass unless asked for; 4 begins at 96 pixels."""
    data.save("images/large.png", make_image(120, 136, seed=9))
    options = {} if stroke_size == "single" else {"stroke_size": stroke_size}
    data.stylize(data.job(**options))
    row = next(row for row in data.plan() if row["image"] == "large.png")
    artwork = data.artwork(row["artwork"])
    content = (255 * data.image("large.png")).round().to(torch.uint8)  # as it is in the file
    how: dict[str, Any] = {"stroke_size": stroke_size, "output_dtype": torch.uint8}
    expected = tiny.stylize(content, artwork, **how)
    result = load_image(data / "out/large.png")
    torch.testing.assert_close(result, as_float(expected), rtol=0, atol=1e-6)
    settings = json.loads((data / "out/adain-settings.json").read_text())
    assert settings["stroke_size"] == stroke_size
    assert ("photo_share" in settings) == (stroke_size != "single")


def test_unreadable_images_are_listed_and_the_rest_is_stylized(data: DataSet) -> None:
    data.write("images/cats/2.png", b"no image")
    data.write("art/broken.png", b"no image either")
    summary = data.stylize(data.job(plan=PlanOptions(seed=4), crop=9))
    failures = {row["image"]: row["reason"] for row in read_lines(data / "out/adain-failed.jsonl")}
    assert summary.failed == len(failures)
    assert "cats/2.png: it is not an image of a known format" in failures["cats/2.png"]
    assert failures["top.webp"] == "top.webp: expected at least 9 pixels a side to crop, got 1x1"
    by_artwork = {row["image"] for row in data.plan() if row["artwork"] == "broken.png"}
    assert by_artwork
    for image in by_artwork - {"cats/2.png"}:
        assert "art/broken.png: it is not an image" in failures[image]
    assert set(data.files()) == NAMES - set(failures)
    assert set(failures) == by_artwork | {"cats/2.png", "top.webp"}


def test_repaired_images_are_stylized_by_the_next_run(data: DataSet) -> None:
    good = (data / "images/cats/2.png").read_bytes()
    artwork = (data / "art/a.png").read_bytes()
    data.write("images/cats/2.png", b"no image")
    data.write("art/a.png", b"no image")
    first = data.stylize(data.job())
    assert first.failed > 0
    data.write("images/cats/2.png", good)
    data.write("art/a.png", artwork)
    second = data.stylize(data.job())
    assert (second.stylized, second.before, second.failed) == (first.failed, first.stylized, 0)
    assert set(data.files()) == NAMES
    assert not (data / "out/adain-failed.jsonl").exists()
    data.stylize(data.job("other"))
    assert data.files() == data.files("other")


def test_a_run_goes_on_with_what_is_missing(data: DataSet) -> None:
    data.stylize(data.job())
    expected = data.files()
    kept = data / "out/cats/1.png"
    before = kept.stat().st_mtime_ns
    (data / "out/cats/2.png").unlink()
    (data / "out/dogs/1.png").unlink()
    data.write("out/.adain/new/leftover", b"half an image")
    (data / "art").rename(data / "elsewhere")  # styles are in the table
    (data / "art").mkdir()
    summary = data.stylize(data.job())
    assert (summary.rows, summary.stylized, summary.before) == (6, 2, 4)
    assert data.files() == expected
    assert kept.stat().st_mtime_ns == before
    assert data.stylize(data.job()).stylized == 0


def test_an_edited_plan_is_followed(data: DataSet, tiny: AdaINModel) -> None:
    data.stylize(data.job())
    rows = data.plan()
    line = (
        '{"image": "cats/1.png", "artwork": "b.png", "alpha": 0.25, "seed": 7, "output": "x/y.png"}'
    )
    (data / "edited.jsonl").write_text(line)
    summary = data.stylize(data.job("edited"), plan=data / "edited.jsonl")
    assert summary.rows == summary.stylized == 1
    expected = tiny.stylize(
        data.image("cats/1.png"), data.artwork("b.png"), alpha=0.25, stroke_size="single"
    )
    result = load_image(data / "edited/x/y.png")
    torch.testing.assert_close(result, expected, rtol=0, atol=0.51 / 255)
    assert data.plan("edited") != rows
    assert data.stylize(data.job("edited")).before == 1  # it lies beside the results
    with pytest.raises(DatasetError, match="was started with another plan"):
        data.stylize(data.job("out"), plan=data / "edited.jsonl")


def test_a_bad_plan_is_refused_before_anything_is_begun(data: DataSet) -> None:
    line = '{"image": "a.png", "artwork": "b.png", "alpha": 2, "seed": 7, "output": "y.png"}'
    data.write("bad.jsonl", line.encode())
    with pytest.raises(ValueError, match=r"bad\.jsonl, line 1: alpha must lie in 0\.\.1, got 2"):
        data.stylize(data.job(), plan=data / "bad.jsonl")
    with pytest.raises(DatasetError, match=r"cannot read .*none\.jsonl: there is no such file"):
        data.stylize(data.job(), plan=data / "none.jsonl")
    assert data.stylize(data.job()).stylized == 6


def test_damaged_settings(data: DataSet) -> None:
    data.stylize(data.job())
    data.write("out/adain-settings.json", b"[")
    with pytest.raises(DatasetError, match=r"cannot read .*adain-settings\.json"):
        data.stylize(data.job())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 16}, "was started with size 0, got 16"),
        ({"batch_size": 3}, "was started with batch size 2, got 3"),
        ({"style_size": 64}, "was started with style size None, got 64"),
        ({"stroke_size": "medium"}, "was started with stroke size 'single', got 'medium'"),
        ({"crop": 8}, "was started with crop 0, got 8"),
        ({"dtype": "bf16"}, "was started with dtype 'fp32', got 'bf16'"),
        ({"quality": 90}, "was started with quality 95, got 90"),
        ({"others": "copy"}, "was started with others '', got 'copy'"),
        ({"plan": PlanOptions(seed=3)}, "was started with seed 0, got 3"),
        ({"plan": PlanOptions(alpha=(0.5, 1))}, "was started with alpha"),
    ],
)
def test_a_data_set_is_not_continued_with_other_options(
    data: DataSet, change: dict[str, object], message: str
) -> None:
    data.stylize(data.job())
    with pytest.raises(DatasetError, match=message):
        data.stylize(data.job(**change))
    assert data.stylize(data.job()).stylized == 0


def test_settings_may_change_while_there_is_no_result(data: DataSet) -> None:
    assert data.stylize(data.job(crop=500)).failed == 6
    with pytest.raises(DatasetError, match="was started with seed 0, got 3"):
        data.stylize(data.job(crop=8, plan=PlanOptions(seed=3)))
    summary = data.stylize(data.job(crop=8, style_size=32))
    assert (summary.stylized, summary.failed) == (5, 1)  # one is of a single pixel
    data.stylize(data.job("fresh", crop=8, style_size=32))
    assert data.files() == data.files("fresh")
    settings = [(data / name / "adain-settings.json").read_text() for name in ("out", "fresh")]
    assert settings[0] == settings[1]
    with pytest.raises(DatasetError, match="was started with crop 8, got 500"):
        data.stylize(data.job(crop=500, style_size=32))


def test_refused_input_leaves_nothing(data: DataSet) -> None:
    (data / "empty").mkdir()
    for change in (
        {"images": data / "none"},
        {"images": data / "empty"},
        {"images": data / "images/top.webp"},
        {"styles": data / "empty"},
        {"plan": PlanOptions(per_image=4)},
    ):
        with pytest.raises((AdaINError, ValueError)):
            data.stylize(data.job("new/out", **change))
        assert not (data / "new").exists()
    # The user's own folder stays.
    with pytest.raises(AdaINError, match="expected a folder"):
        data.stylize(data.job("empty", images=data / "none"))
    assert not any((data / "empty").iterdir())


def test_another_model_is_refused(data: DataSet, tmp_path: Path, make_model: object) -> None:
    data.stylize(data.job())
    make_model(seed=8).save(tmp_path / "other.safetensors")
    with pytest.raises(DatasetError, match="was started with model"):
        data.stylize(data.job(model=tmp_path / "other.safetensors"))


def test_saved_styles_beside_artworks(data: DataSet, tiny: AdaINModel, make_model: object) -> None:
    for name in ("a.png", "b.png", "more/c.png"):
        (data / "art" / name).unlink()
    style = tiny.encode_style(data.image("cats/3.jpg"), size=16)
    style.save(data / "art/saved.safetensors")
    data.stylize(data.job())
    expected = tiny.stylize(data.image("cats/1.png"), style, stroke_size="single")
    result = load_image(data / "out/cats/1.png")
    torch.testing.assert_close(result, expected, rtol=0, atol=0.51 / 255)

    foreign = make_model(seed=8).encode_style(data.image("cats/3.jpg"))
    assert isinstance(foreign, Style)
    foreign.save(data / "art/saved.safetensors")
    assert data.stylize(data.job("foreign")).failed == 6
    reason = read_lines(data / "foreign/adain-failed.jsonl")[0]["reason"]
    assert "art/saved.safetensors: " in reason
    assert "different encoders" in reason


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"size": -1}, "size"),
        ({"stroke_size": "huge"}, "stroke_size"),
        ({"size": 16, "crop": 17}, "crop"),
        ({"quality": 0}, "quality"),
        ({"batch_size": 0}, "batch_size"),
        ({"others": "move"}, "others"),
        ({"output": "images/out"}, "output"),
        ({"output": "images"}, "output"),
        ({"output": "."}, "output"),
    ],
)
def test_bad_options(data: DataSet, options: dict[str, object], field: str) -> None:
    if "output" in options:
        options = {"output": data / str(options["output"])}
    with pytest.raises(OptionError) as caught:
        data.job(**options)
    assert caught.value.field == field


@pytest.mark.parametrize(("number", "count"), [(0, 2), (3, 2), (1, 0)])
def test_bad_shares(number: int, count: int) -> None:
    with pytest.raises(ValueError, match="expected a share from 1/"):
        Shard(number, count)


def test_a_tree_without_images(data: DataSet) -> None:
    (data / "empty").mkdir()
    with pytest.raises(DatasetError, match="found no images in"):
        data.stylize(data.job(images=data / "empty"))
    with pytest.raises(ValueError, match="at least 1 artworks"):
        data.stylize(data.job("out2", styles=data / "empty"))


def test_a_result_that_cannot_be_written_ends_the_run(data: DataSet) -> None:
    """That is no fault of an image: it is not listed, and the next run goes on."""
    data.write("out/cats", b"a file where a folder belongs")
    with pytest.raises(DatasetError, match=r"cannot write .*out/cats/\d\.png: Not a directory"):
        data.stylize(data.job())
    (data / "out/cats").unlink()
    summary = data.stylize(data.job())
    assert summary.failed == 0
    assert set(data.files()) == NAMES


def test_lost_reports_end_the_run(data: DataSet) -> None:
    class Forgetful(LocalRunner):
        def run(self, tasks: Iterable[Task]) -> Iterator[Report]:
            yield from list(super().run(tasks))[1:]

    with pytest.raises(DatasetError, match=r"reports of 6 images, got [45]: workers"):
        stylize_dataset(data.job(), runner=partial(Forgetful, workers=1))
    assert data.stylize(data.job()).before == 6


def test_progress(data: DataSet) -> None:
    calls: list[tuple[str, int, int]] = []
    data.stylize(data.job(), watch=lambda *call: calls.append(call))
    artworks = len({row["artwork"] for row in data.plan()})
    assert calls[0] == ("artworks", artworks, artworks)
    assert calls[1] == ("images", 0, 6)
    assert [done for _, done, _ in calls[2:]] == [2, 4, 6]
