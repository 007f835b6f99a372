"""A small data set in a temporary folder, and the job that stylizes it with the tiny model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from adain_core import load_image, save_image
from adain_core.dataset import Job, LocalRunner, PlanOptions, Summary, stylize_dataset

# Two classes with equal names, sizes that differ, one image outside the class folders.
IMAGES = {
    "cats/1.png": (24, 32),
    "cats/2.png": (24, 32),
    "cats/3.jpg": (19, 33),
    "dogs/1.png": (24, 32),
    "dogs/old/1.png": (9, 40),
    "top.webp": (1, 1),
}
ARTWORKS = ("art/a.png", "art/b.png", "art/more/c.png")


class DataSet:
    """The trees, and what comes out.

    Args:
        folder: that holds all.
        model: path of the model.
        make_image: the fixture.
    """

    def __init__(self, folder: Path, model: Path, make_image: Callable[..., Tensor]) -> None:
        self.folder, self.model = folder, model
        for number, (name, size) in enumerate(IMAGES.items()):
            self.save(f"images/{name}", make_image(*size, seed=number))
        for number, name in enumerate(ARTWORKS):
            self.save(name, make_image(40, 48, seed=100 + number))

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def save(self, name: str, pixels: Tensor) -> None:
        (self / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(self / name, pixels)

    def write(self, name: str, content: bytes) -> None:
        (self / name).parent.mkdir(parents=True, exist_ok=True)
        (self / name).write_bytes(content)

    def job(self, output: str = "out", plan: PlanOptions | None = None, **options: Any) -> Job:
        return Job(
            **{
                "images": self / "images",
                "styles": self / "art",
                "output": self / output,
                "plan": plan or PlanOptions(),
                "model": self.model,
                "device": "cpu",
                "dtype": "fp32",
                "batch_size": 2,
                **options,
            }
        )

    def stylize(self, job: Job, workers: int = 1, **options: Any) -> Summary:
        def runner(job: Job, plan: Path) -> LocalRunner:
            return LocalRunner(job, plan, workers=workers)

        return stylize_dataset(job, runner=runner, **options)

    def plan(self, output: str = "out") -> list[dict[str, Any]]:
        return read_lines(self / output / "adain-plan.jsonl")

    def image(self, name: str) -> Tensor:
        return load_image(self / "images" / name)

    def artwork(self, name: str) -> Path:
        return self / "art" / name

    def files(self, output: str = "out") -> dict[str, str]:
        """All but the records, with a hash of each."""
        return {
            path.relative_to(self / output).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
            for path in sorted((self / output).rglob("*"))
            if path.is_file() and ".adain" not in path.parts and "adain-" not in path.name
        }


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
