"""Images in a folder and the command line on them, for the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from torch import Tensor

from adain_core.cli import main


class Folder:
    """Images in a temporary folder, and the command line on one model."""

    def __init__(self, path: Path, model_path: Path, make_image: Callable[..., Tensor]) -> None:
        self.path, self.model_path, self.make_image = path, model_path, make_image

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def save(
        self, name: str, seed: int = 0, height: int = 20, width: int = 28, **options: object
    ) -> str:
        """Write an image of 8 bits; return its path."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = to_array(self.make_image(height, width, seed=seed))
        PIL.Image.fromarray(values).save(path, **options)
        return str(path)

    def save_mask(self, name: str, values: np.ndarray) -> str:
        PIL.Image.fromarray(values.astype(np.uint8)).save(self.path / name)
        return str(self.path / name)

    def run(self, *arguments: object) -> int:
        """``adain`` with the tiny model where the command takes one."""
        words = [str(argument) for argument in arguments]
        model = ["--model", str(self.model_path), "--device", "cpu", "--dtype", "fp32"]
        for command in (["stylize"], ["style", "encode"]):
            if words[: len(command)] == command:
                words[len(command) : len(command)] = model
        return main(words)

    def names(self) -> set[str]:
        return {str(p.relative_to(self.path)) for p in self.path.rglob("*") if p.is_file()}


def to_array(pixels: Tensor) -> np.ndarray:
    return (pixels[0] * 255).round().byte().permute(1, 2, 0).numpy()


def read(path: Path | str) -> np.ndarray:
    with PIL.Image.open(path) as image:
        return np.array(image)


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("adain: error: ")
    return line.removeprefix("adain: error: ")
