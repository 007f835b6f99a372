"""The commands that write, each on a folder of small files."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import PIL.Image
import torch

from adain_core import AdaINModel, Architecture
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.weights import ModelInfo

_SIZE = (96, 72)


@dataclass(frozen=True)
class Command:
    """A command line, and what it writes.

    Attributes:
        words: of the command line, in a folder of :func:`lay_out`.
        results: patterns of the files that it writes under their names.
        resume: an option with which it goes on with what a killed run left.
        begun: pattern of a file without which there is nothing to go on with.
        older: files that are there before, of other content; they are replaced.
    """

    words: str
    results: tuple[str, ...]
    resume: str = ""
    begun: str = ""
    older: tuple[str, ...] = ()

    def line(self, folder: Path) -> list[str]:
        """Return the words for the next run in a folder."""
        words = self.words.split()
        if self.resume and any(folder.glob(self.begun)):
            return [*(word for word in words if word != "--overwrite"), self.resume]
        return words

    def files(self, folder: Path) -> Iterator[Path]:
        """Yield the results that there are."""
        for pattern in self.results:
            yield from folder.glob(pattern)


_MODEL = "--model model.safetensors --device cpu --dtype fp32"
_VIDEO = f"video clip.mkv --style art/0.png {_MODEL}"
_TRAIN = (
    "train --content photos --style art --encoder vgg.safetensors -o run --widths 4 6 8 12 "
    "--steps 6 --batch-size 2 --content-size 16 24 --style-size 16 24 --crop 16 --pool 4 --reuse 2 "
    "--workers 0 --log-every 2 --save-every 2 --sample-every 3"
)
COMMANDS = {
    "stylize": Command(
        f"stylize photos --style art/0.png -o out --overwrite {_MODEL}",
        ("out/**/*.png",),
        older=("out/0.png", "out/more/3.png"),
    ),
    "sheet": Command(
        f"sheet photos --style art -o sheet.png --overwrite --content-size 64 --cell 64 {_MODEL}",
        ("sheet.png",),
        older=("sheet.png",),
    ),
    "encode": Command(
        f"style encode art/0.png -o new.safetensors --overwrite {_MODEL}",
        ("new.safetensors",),
        older=("new.safetensors",),
    ),
    "mix": Command(
        "style mix a.safetensors b.safetensors -o new.safetensors --overwrite", ("new.safetensors",)
    ),
    "convert": Command(
        "weights convert --vgg vgg.pth --decoder decoder.pth -o new.safetensors --overwrite",
        ("new.safetensors",),
        older=("new.safetensors",),
    ),
    "video": Command(
        f"{_VIDEO} -o out.mp4 --overwrite",
        ("out.mp4",),
        "--resume",
        "out.partial.resume",
        older=("out.mp4",),
    ),
    "matroska": Command(
        f"{_VIDEO} -o out.mkv --overwrite", ("out.mkv",), "--resume", "out.partial.resume"
    ),
    "images": Command(f"{_VIDEO} -o f/%d.png --overwrite", ("f/*.png",), "--resume", "f/*.resume"),
    "train": Command(
        _TRAIN,
        ("run/*.safetensors", "run/*.md", "run/*.png", "run/*.jpg", "run/*.pt", "run/samples/*"),
        "--resume",
        "run/checkpoint.pt",
    ),
    "evaluate": Command(
        "evaluate --content photos --style art --model model.safetensors --loss-network "
        "vgg.safetensors --csv table.csv --grid grid --overwrite --size 32 --scene-size 0 "
        "--limit 2 --device cpu",
        ("table.csv", "grid/*"),
        older=("table.csv", "grid/model.jpg"),
    ),
}
if importlib.util.find_spec("onnx"):
    COMMANDS["export"] = Command(
        "export --model model.safetensors -o onnx --overwrite", ("onnx/*",)
    )


def lay_out(folder: Path, command: Command) -> None:
    """Write what the commands read, and a command's older results."""
    random = np.random.default_rng(0)

    def save(name: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        small = PIL.Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        small.resize(_SIZE).save(path)

    for number in range(6):
        save(f"photos/{'more/' if number % 2 else ''}{number}.png")
    for number in range(3):
        save(f"art/{number}.png")
    _save_models(folder)
    with av.open(str(folder / "clip.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
        for number in range(60):
            with PIL.Image.open(folder / "photos/0.png") as image:
                turned = image.rotate(6 * number)
            container.mux(stream.encode(av.VideoFrame.from_image(turned)))
        container.mux(stream.encode(None))
    for name in command.older:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"older")


def _save_models(folder: Path) -> None:
    torch.manual_seed(0)
    for name, architecture in (
        ("model", Architecture(widths=(4, 6, 8, 10))),
        ("vgg", Architecture()),
    ):
        encoder, decoder = Encoder(architecture), Decoder(architecture)
        model = AdaINModel(encoder, decoder, ModelInfo(architecture), name)
        model.save(folder / f"{name}.safetensors")
        if name == "model":
            for style in ("a", "b"):
                image = PIL.Image.open(folder / f"art/{int(style == 'b')}.png")
                model.encode_style(image).save(folder / f"{style}.safetensors")
            continue
        vgg = {"0.weight": torch.eye(3)[:, :, None, None], "0.bias": torch.zeros(3)}
        for network, indices, state, file in (
            (encoder, (2, 5, 9, 12, 16, 19, 22, 25, 29), vgg, "vgg.pth"),
            (decoder, (1, 5, 8, 11, 14, 18, 21, 25, 28), {}, "decoder.pth"),
        ):
            tensors = iter(network.state_dict().values())
            for index in indices:
                state |= {f"{index}.weight": next(tensors), f"{index}.bias": next(tensors)}
            torch.save(state, folder / file)


def start_anew(folder: Path, template: Path) -> None:
    """Make a folder what a template is."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
