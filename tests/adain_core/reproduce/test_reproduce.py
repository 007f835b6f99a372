"""Reproduction: results that are kept, plans that fit, reports that say what was measured."""

from __future__ import annotations

import csv
import signal
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adain_core.cli import main
from adain_core.errors import AdaINError, OptionError
from adain_core.images import load_image, save_image
from adain_core.methods.network_config import NetworkConfig
from adain_core.methods.network_trainer import NetworkTrainer
from adain_core.pixels import luma
from adain_core.reproduce import ablation, losses, normalization, speed
from adain_core.reproduce.config import ReproduceConfig
from adain_core.reproduce.lab import Lab
from adain_core.reproduce.normalization import equalize_luminance
from adain_core.reproduce.notebook import Notebook
from adain_core.reproduce.plots import plot_curves, smooth
from adain_core.reproduce.report import reproduce
from adain_core.reproduce.text import count, number, table, verdict
from adain_core.reproduce.trainings import (
    affordable_extent,
    make_model_run,
    make_network_run,
    train,
)
from adain_core.training import Callback, TrainingConfig

MakeImage = Callable[..., Tensor]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, make_image: MakeImage) -> Path:
    """``photos`` and ``art`` with 4 images each."""
    root = tmp_path_factory.mktemp("reproduce")
    for kind in ("photos", "art"):
        (root / kind).mkdir()
        for number_ in range(4):
            image = make_image(160, 144, seed=10 * len(kind) + number_)
            save_image(root / kind / f"{kind}{number_}.png", image)
    return root


@pytest.fixture(scope="module")
def shared_config(
    folders: Path, full_path: Path, tiny_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> ReproduceConfig:
    return ReproduceConfig(
        content=folders / "photos",
        style=folders / "art",
        validation_content=folders / "photos",
        validation_style=folders / "art",
        encoder=full_path,
        output=tmp_path_factory.mktemp("report"),
        budget=0.01,
        model=str(tiny_path),
        device="cpu",
    )


@pytest.fixture
def config(shared_config: ReproduceConfig, tmp_path: Path) -> ReproduceConfig:
    return replace(shared_config, output=tmp_path / "report")


@pytest.fixture(scope="module")
def report(shared_config: ReproduceConfig) -> Path:
    """The report of all experiments, each as small as it can be."""
    lab = Lab(shared_config)
    plans = {
        "losses": losses.Plan(
            size=48, contents=1, styles=2, steps=4, network_steps=3, crop=48, width=3, batch=1
        ),
        "ablation": ablation.Plan(
            steps=4, crop=16, widths=(4, 6, 8, 10), batch=2, pool=0, reuse=1, pairs=2, size=32
        ),
        "normalization": normalization.Plan(steps=3, crop=48, width=3, batch=2),
    }
    for name, plan in plans.items():
        lab.recall(f"{name}/plan", partial(asdict, plan))
    lab.recall("speed/sizes", lambda: [48])
    lab.recall("controls/size", lambda: 48)
    return reproduce(shared_config)


class Bar:
    """A progress bar that counts, and presses Ctrl-C at a count."""

    def __init__(self, stop_at: int = 0) -> None:
        self.n, self.stop_at = 0, stop_at

    def update(self, count: int = 1) -> None:
        self.n += count
        if self.n == self.stop_at:
            signal.raise_signal(signal.SIGINT)


# --- what is kept -----------------------------------------------------------------------------


def test_a_result_is_measured_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def measure() -> tuple[int, ...]:
        calls.append(1)
        return (1, 2)

    path = tmp_path / "results.json"
    assert Notebook(path).recall("a", measure) == [1, 2]
    again = Notebook(path)
    assert again.recall("a", measure) == [1, 2] and "a" in again and "b" not in again
    assert len(calls) == 1


def test_an_interrupted_measurement_is_not_kept(tmp_path: Path) -> None:
    def stopped() -> int:
        raise KeyboardInterrupt

    notebook = Notebook(tmp_path / "results.json")
    notebook.recall("first", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        notebook.recall("second", stopped)
    assert Notebook(tmp_path / "results.json").recall("second", lambda: 2) == 2


def test_a_damaged_notebook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(AdaINError, match="damaged"):
        Notebook(tmp_path / "results.json")


def test_a_folder_of_another_reproduction_is_refused(config: ReproduceConfig) -> None:
    Lab(config)
    Lab(replace(config, what=("speed",)))  # other experiments of the same
    with pytest.raises(AdaINError, match=r"other settings: seed 0 \(got 1\)"):
        Lab(replace(config, seed=1))


@pytest.mark.parametrize(
    ("values", "field"),
    [({"what": ("size",)}, "what"), ({"what": ()}, "what"), ({"budget": 0.0}, "budget")],
)
def test_bad_settings_are_refused(
    config: ReproduceConfig, values: dict[str, object], field: str
) -> None:
    with pytest.raises(OptionError) as error:
        replace(config, **values)  # type: ignore[arg-type]
    assert error.value.field == field


def test_too_few_images_are_refused(config: ReproduceConfig) -> None:
    with pytest.raises(AdaINError, match="at least 5 images, found 4"):
        Lab(config).pairs(5, 1, 64)


# --- trainings --------------------------------------------------------------------------------


@pytest.fixture
def network_config(config: ReproduceConfig) -> NetworkConfig:
    return NetworkConfig(
        content=config.content,
        style=Path(config.style) / "art0.png",
        encoder=config.encoder,
        output=Path(config.output) / "runs" / "one",
        width=3,
        steps=3,
        batch_size=1,
        crop=44,
        content_size=(44, 48),
        style_size=44,
        workers=0,
        log_every=1,
    )


def test_steps_and_crops_fit_the_time(
    config: ReproduceConfig, network_config: NetworkConfig
) -> None:
    lab = Lab(config)
    lab.recall("known/step seconds", lambda: 0.5)
    smallest = replace(network_config, crop=64, content_size=(64, 64))
    arguments = (smallest, make_network_run)
    # 4,000 steps are enough for larger crops, whose steps take longer as their area grows.
    assert affordable_extent(lab, "known", *arguments, 60.0, 10_000) == (64, 120)
    assert affordable_extent(lab, "known", *arguments, 9000.0, 10_000) == (128, 4500)
    assert affordable_extent(lab, "known", *arguments, 1e6, 10_000) == (256, 10_000)
    assert affordable_extent(lab, "known", *arguments, 0.1, 10_000) == (64, 10)


def test_steps_are_timed_by_a_few(config: ReproduceConfig, network_config: NetworkConfig) -> None:
    lab = Lab(config)
    assert affordable_extent(lab, "new", network_config, make_network_run, 0.0, 1000).steps == 10
    assert 0 < lab.recall("new/step seconds", lambda: 0) < 60
    assert not Path(network_config.output).exists()


def test_ctrl_c_ends_a_probe_which_is_forgotten(
    config: ReproduceConfig, network_config: NetworkConfig
) -> None:
    def make(config_: NetworkConfig, callback: Callback, resume: bool) -> NetworkTrainer:
        callback.on_step = lambda *_: signal.raise_signal(signal.SIGINT)  # type: ignore[method-assign]
        return make_network_run(config_, callback, resume)

    lab = Lab(config)
    with pytest.raises(KeyboardInterrupt, match="run the same command to resume"):
        affordable_extent(lab, "new", network_config, make, 60.0, 1000)
    assert lab.recall("new/step seconds", lambda: 7.0) == 7.0


def test_a_training_is_remembered(config: ReproduceConfig, network_config: NetworkConfig) -> None:
    bars = Bar(), Bar()
    histories = [train(Lab(config), "one", network_config, make_network_run, bar) for bar in bars]
    assert histories[0] == histories[1]
    assert [entry["step"] for entry in histories[0]] == [1, 2, 3]
    assert [bar.n for bar in bars] == [3, 3]


@pytest.fixture
def model_config(config: ReproduceConfig) -> TrainingConfig:
    return TrainingConfig(
        content=config.content,
        style=config.style,
        encoder=config.encoder,
        output=Path(config.output) / "runs" / "model",
        widths=(8, 12, 16, 24),
        steps=4,
        batch_size=1,
        content_size=(16, 16),
        style_size=(16, 16),
        crop=16,
        pool=4,
        reuse=2,
        workers=0,
        log_every=1,
    )


@pytest.mark.parametrize("kind", ["network", "model"])
def test_a_training_goes_on_after_ctrl_c(
    config: ReproduceConfig,
    network_config: NetworkConfig,
    model_config: TrainingConfig,
    tmp_path: Path,
    kind: str,
) -> None:
    """What comes out is what an uninterrupted run gives."""

    def run(output: str, bar: Bar) -> list[dict[str, float]]:
        own = replace(config, output=tmp_path / output)
        folder = tmp_path / output / "runs"
        if kind == "network":
            return train(
                Lab(own), "x", replace(network_config, output=folder), make_network_run, bar
            )
        return train(Lab(own), "x", replace(model_config, output=folder), make_model_run, bar)

    with pytest.raises(KeyboardInterrupt, match="run the same command to resume"):
        run("interrupted", Bar(stop_at=2))
    assert not Lab(replace(config, output=tmp_path / "interrupted")).has_trained
    bar = Bar()
    resumed = run("interrupted", bar)
    expected = run("whole", Bar())
    assert [entry["step"] for entry in resumed] == list(range(1, len(expected) + 1))
    assert resumed == expected
    assert bar.n == len(expected)


# --- experiments ------------------------------------------------------------------------------


def test_equalized_luminance_is_even() -> None:
    photos = 0.4 + 0.2 * torch.rand(2, 1, 32, 32).expand(-1, 3, -1, -1)
    levels = luma(equalize_luminance(photos)).flatten(1).sort(dim=1).values
    torch.testing.assert_close(levels, torch.linspace(0, 1, 1024).expand(2, -1))


def test_equalizing_keeps_the_order_and_the_colors() -> None:
    photos = 0.4 + 0.05 * torch.rand(1, 3, 16, 16)
    after = equalize_luminance(photos)
    inner = ((after > 0) & (after < 1)).all(dim=1)
    difference = (after - photos).movedim(1, -1)[inner]
    torch.testing.assert_close(difference, difference[:, :1].expand(-1, 3), atol=1e-5, rtol=0)


def test_all_experiments_end_in_one_report(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    titles = ("Table 1", "Figure 3", "Figures 5 and 6", "Figure 1", "Figures 7 to 10")
    places = [text.index(f"\n## {title}") for title in titles]
    assert places == sorted(places)
    for name in ("losses.png", "ablation.png", "ablation.jpg", "normalization.png"):
        assert f"]({name})" in text
        assert min(load_image(report.parent / name).shape[2:]) > 48


def test_the_report_says_sizes_steps_and_machine(report: Path) -> None:
    text = " ".join(report.read_text(encoding="utf-8").split())
    for words in (
        "torch",
        "a budget of 0.01 minutes for 5 experiments",
        "1 photograph and 2 artworks at 48² pixels",
        "3 steps of 1 crops of 48 pixels",
        "the same frozen encoder, that of `tiny` (widths 4-6-8-10)",
        "4 steps of 2 pairs of crops of 16 pixels",
        "each trained for 3 steps of 2 crops of 48 pixels",
        "at 48² pixels",
    ):
        assert words in text


def test_tables_hold_every_step(report: Path) -> None:
    def read(name: str) -> list[dict[str, str]]:
        with (report.parent / f"{name}.csv").open() as file:
            return list(csv.DictReader(file))

    losses_ = read("losses")
    assert [row["step"] for row in losses_] == ["0", "1", "2", "3", "4"]
    styles = [float(row["style"]) for row in losses_]
    assert styles[-1] < styles[0]
    assert {row["model"] for row in read("ablation")} == set(ablation.VARIANTS)
    assert {(row["photographs"], row["normalization"]) for row in read("normalization")} == {
        (photos, kind) for photos in normalization.PHOTOS for kind in ("batch", "instance")
    }


def test_speed_says_what_it_measured(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    with (report.parent / "speed.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert set(rows) == {
        *speed.PAPER,
        *("style swap by index", "AdaIN, this library's", "tiny, this library's"),
    }
    assert float(rows["optimization"]["seconds, 48"]) > 10 * float(rows["AdaIN"]["seconds, 48"])
    assert rows["tiny, this library's"]["multiplications, 48"] == ""
    assert "| AdaIN |" in text and "| 0.018 s, 1× | 0.065 s, 1× |" in text
    assert "14.2 s, 787×" in text


def test_the_report_names_the_folders_that_were_used(
    report: Path, config: ReproduceConfig, shared_config: ReproduceConfig
) -> None:
    def head(path: Path) -> str:
        return path.read_text(encoding="utf-8").partition("\n## ")[0]

    assert "trained on the folders `photos` and `art`" in head(report)
    lab = Lab(config)
    lab.recall("controls/size", lambda: 48)
    lab.recall("speed/sizes", lambda: [48])
    lab.recall("speed/48", lambda: Lab(shared_config).recall("speed/48", dict))
    speed_alone = head(reproduce(replace(config, what=("speed",))))
    assert "trained" not in speed_alone and "photographs" not in speed_alone
    both = head(reproduce(replace(config, what=("controls",))))
    assert "trained" not in both and "Photographs in `photos`" in both


def test_a_report_is_written_again_from_what_is_known(
    report: Path, shared_config: ReproduceConfig
) -> None:
    before = report.read_text(encoding="utf-8")
    assert reproduce(shared_config).read_text(encoding="utf-8") == before


# --- words and plots --------------------------------------------------------------------------


def test_tables_and_verdicts() -> None:
    assert table(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"
    assert verdict("it is so", True, "3") == "- Holds: it is so (3)."
    assert verdict("it is so", False, "3") == "- **Does not hold**: it is so (3)."
    assert (count(1, "thread"), count(2, "thread")) == ("1 thread", "2 threads")
    assert [number(n) for n in (1234.5, 999.4, 0.012345)] == ["1,230", "999", "0.0123"]


def test_running_means() -> None:
    assert smooth([1, 2, 3, 4], 2) == [1, 1.5, 2.5, 3.5]


def test_a_plot_is_written(tmp_path: Path) -> None:
    curves = {"left": {"one": ([0, 1], [1.0, 2.0])}, "right": {"two": ([0, 1], [3.0, 2.0])}}
    plot_curves(tmp_path / "plot.png", curves, {"left": {"line": 1.5}})
    plot = load_image(tmp_path / "plot.png")
    assert plot.shape[2:] == (360, 900)
    assert plot.min() < 0.5


def test_the_command_adds_to_its_report(
    report: Path, shared_config: ReproduceConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    before = report.read_text(encoding="utf-8")
    words = ["reproduce", "--what", "speed", "--budget", "0.01", "--device", "cpu"]
    for name in ("content", "style", "validation_content", "validation_style", "encoder", "model"):
        words += [f"--{name.replace('_', '-')}", str(getattr(shared_config, name))]
    assert main([*words, "-o", str(shared_config.output)]) == 0
    assert capsys.readouterr().out == f"{report}\n"
    after = report.read_text(encoding="utf-8")
    assert after.partition("\n## ")[2] == before.partition("\n## ")[2]
    assert "for 1 experiment," in after
