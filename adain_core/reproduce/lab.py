"""``Lab``: networks, images, results and timing for the experiments."""

from __future__ import annotations

import csv
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor
from tqdm import tqdm

from .. import __version__
from ..errors import AdaINError, ImageFileError
from ..evaluation import Pairs
from ..images import list_images, save_image
from ..model import AdaINModel
from ..networks.architecture import Architecture
from ..networks.encoder_decoder import Decoder, Encoder
from ..utils.devices import resolve_device
from ..utils.files import replace_atomically
from ..weights import ModelInfo
from ..weights.convert import read_loss_network
from .config import ReproduceConfig
from .notebook import Notebook
from .text import count

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Suffix of the names of training results.
HISTORY = "/history"
Plan = TypeVar("Plan", bound="DataclassInstance")


class Lab:
    """The tools of a reproduction.

    Args:
        config: the configuration.

    Attributes:
        folder: folder of the report.
        device: device to compute on.

    Raises:
        AdaINError: the folder has a different reproduction.
        WeightsError: the loss network cannot be read.
    """

    def __init__(self, config: ReproduceConfig) -> None:
        self.config, self.folder = config, Path(config.output)
        self.device = resolve_device(config.device)
        self.has_paper_decoder = False
        self.folder.mkdir(parents=True, exist_ok=True)
        self._notebook = Notebook(self.folder / "results.json")
        settings = {**config.to_dict(), "output": "", "what": []}
        then = self.recall("settings", lambda: settings)
        differing = [name for name, value in settings.items() if then.get(name) != value]
        if differing:
            raise AdaINError(
                f"{self.folder}: holds a reproduction with other settings: "
                + ", ".join(f"{n} {then.get(n)!r} (got {settings[n]!r})" for n in differing)
                + "; choose another folder"
            )

    # -- results ----------------------------------------------------------------------------

    def recall(self, name: str, measure: Callable[[], Any]) -> Any:
        """Return a stored result, or measure and store it."""
        return self._notebook.recall(name, measure)

    def plan(self, name: str, kind: type[Plan], choose: Callable[[], Plan]) -> Plan:
        """Return the stored plan of an experiment, or choose and store it.

        Args:
            name: name of the experiment.
            kind: a dataclass of plain values.
            choose: returns a plan that fits the time.
        """
        return kind(**self.recall(f"{name}/plan", lambda: asdict(choose())))

    @property
    def has_trained(self) -> bool:
        """Whether a training is among the results."""
        return any(name.endswith(HISTORY) for name in self._notebook)

    @property
    def seconds(self) -> float:
        """Share of the budget for one experiment, in seconds."""
        return 60 * self.config.budget / len(self.config.what)

    @property
    def machine(self) -> str:
        """Processor, threads, torch."""
        return str(self.recall("machine", lambda: _machine(self.device)))

    def write_table(
        self, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> None:
        """Write a table as CSV into the folder."""
        path = self.folder / f"{name}.csv"
        with (
            replace_atomically(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)

    def write_image(self, name: str, image: Tensor) -> None:
        """Write an image ``(1, 3, H, W)`` in 0..1 as JPEG into the folder."""
        save_image(self.folder / f"{name}.jpg", image.clamp(0, 1), overwrite=True, quality=88)

    # -- networks and images ----------------------------------------------------------------

    @cached_property
    def paper_model(self) -> AdaINModel:
        """AdaIN at the paper's widths: the loss network with its decoder, random if it has none."""
        vgg, decoder = read_loss_network(self.config.encoder)
        architecture = Architecture()
        self.has_paper_decoder = decoder is not None
        if decoder is None:
            torch.manual_seed(self.config.seed)
            decoder = Decoder(architecture)
        model = AdaINModel(vgg, decoder, ModelInfo(architecture), "the paper's decoder")
        return model.to(self.device).eval().requires_grad_(False)

    @property
    def vgg(self) -> Encoder:
        """The loss network."""
        return self.paper_model.encoder

    @cached_property
    def model(self) -> AdaINModel:
        """The model to compare with the paper's."""
        return AdaINModel.from_pretrained(self.config.model, self.device, "fp32")

    def pairs(self, contents: int, styles: int, size: int) -> Pairs:
        """Return the first held-out photographs and artworks, as squares of a size."""
        return Pairs(
            _first(self.config.validation_content, contents),
            _first(self.config.validation_style, styles),
            size,
            self.vgg,
        )

    # -- progress ---------------------------------------------------------------------------

    def bar(self, what: str, total: int, unit: str) -> Any:
        """Return a progress bar."""
        return tqdm(total=total, desc=what, unit=unit, disable=None)

    def stopwatch(self, work: Callable[[], object]) -> float:
        """Return the duration of some work in seconds."""
        self._wait()
        started = time.perf_counter()
        work()
        self._wait()
        return time.perf_counter() - started

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _first(folder: str | os.PathLike[str], count: int) -> list[Path]:
    paths = list_images([folder])[:count]
    if len(paths) < count:
        raise ImageFileError(f"{folder}: expected at least {count} images, found {len(paths)}")
    return paths


def _machine(device: torch.device) -> str:
    name = _processor()
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return (
        f"{name}, {count(torch.get_num_threads(), 'thread')}, torch {torch.__version__}, "
        f"adain_core {__version__}"
    )


def _processor() -> str:
    """Return the processor's name, on Linux from the kernel."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
