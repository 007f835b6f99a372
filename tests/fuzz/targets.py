"""What is read, how its files are damaged, and what may come of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import PIL.Image
import torch
from safetensors.torch import load, save

from adain_core import Style, read_image_file
from adain_core.cli import main
from adain_core.dataset.archives import read_index, read_member
from adain_core.dataset.plan import read_parts, read_rows
from adain_core.dataset.style_table import StyleTable
from adain_core.errors import (
    AdaINError,
    ImageFileError,
    ImageFileWarning,
    TrainingError,
    VideoFileError,
    WeightsError,
)
from adain_core.images import encode_image_file, read_mask
from adain_core.images.previews import join_previews, read_preview
from adain_core.methods.network_file import load_network
from adain_core.training import TrainingConfig
from adain_core.training.checkpoint import load_checkpoint
from adain_core.utils.text import printable
from adain_core.video import VideoReader
from adain_core.video.resume import Checkpoints
from adain_core.weights import load_info, load_model
from adain_core.weights.convert import read_decoder

from . import seeds, words
from .mutator import (
    mutate_bytes,
    mutate_json_text,
    mutate_png,
    mutate_safetensors,
    mutate_words,
)

Mutator = Callable[[bytes, random.Random], bytes]
# No sentence for a person is longer.
_LONGEST_MESSAGE = 3000
_LARGEST = 2**20
_SUFFIXES = (".png", ".jpg", ".webp", ".tif")
# Images that a profile may be for.
_PROFILED = (("RGB", "PNG"), ("RGBA", "PNG"), ("L", "PNG"), ("CMYK", "TIFF"), ("I;16", "TIFF"))


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        seeds: whole files.
        read: reads a file, and checks the result.
        suffix: of the file's name.
        mutate: damages a file's content.
        errors: what may be raised.
    """

    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], None]
    suffix: str = ".bin"
    mutate: Mutator = mutate_bytes
    errors: tuple[type[Exception], ...] = (AdaINError,)

    def damage(self, chance: random.Random) -> bytes:
        """Return a damaged file's content."""
        return self.mutate(chance.choice(self.seeds()), chance)

    def try_out(self, data: bytes, folder: Path) -> None:
        """Have content read as a file; raises what should not be raised."""
        path = folder / f"file{self.suffix}"
        path.write_bytes(data)
        largest = PIL.Image.MAX_IMAGE_PIXELS
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                PIL.Image.MAX_IMAGE_PIXELS = _LARGEST  # larger ones are slow, and no other
                self.read(path)
        except self.errors as error:
            if not isinstance(error, AdaINError):
                return
            text = str(error)
            assert text == printable(text), f"not printable: {text!r}"
            assert 0 < len(text) < _LONGEST_MESSAGE, f"{len(text)} letters: {text[:200]}"
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = largest


def _read_image(path: Path) -> None:
    file = read_image_file(path, keep_uint8=True)
    count, channels, height, width = file.pixels.shape
    assert (count, channels in (3, 4), height > 0, width > 0) == (1, True, True, True)
    assert file.pixels.dtype == torch.uint8 or 0 <= file.pixels.min() <= file.pixels.max() <= 1
    # With its profile and its EXIF block into one of the formats.
    again = f"again{_SUFFIXES[path.stat().st_size % len(_SUFFIXES)]}"
    content = encode_image_file(again, file)
    assert read_image_file(again, data=content).pixels.shape[-2:] == file.pixels.shape[-2:]


def _read_mask(path: Path) -> None:
    mask = read_mask(path)
    assert mask.ndim == 2 and mask.min() >= 0 and mask.max() <= 1


def _read_profile(path: Path) -> None:
    """A profile in an image of one of several kinds."""
    data = path.read_bytes()
    mode, name = _PROFILED[len(data) % len(_PROFILED)]
    seeds.make_image(mode).save(path, name, icc_profile=data)
    _read_image(path)


def _read_exif(path: Path) -> None:
    block = path.read_bytes()
    if block[:4] != b"Exif":
        block = b"Exif\0\0" + block
    seeds.make_image().save(path, "JPEG", exif=block)
    _read_image(path)


def _read_preview(path: Path) -> None:
    data = path.read_bytes()
    image = read_preview(data)
    assert image is None or image.shape[1] == 3
    join_previews([(data, 1.0), (seeds.images()[1], 2.0)])


def _read_model(path: Path) -> None:
    info, encoder, _ = load_model(path)
    assert load_info(path) == info
    assert all(tensor.isfinite().all() for tensor in encoder.state_dict().values())


def _read_style(path: Path) -> None:
    style = Style.load(path)
    assert style.mean.dtype == style.std.dtype == torch.float32
    assert style.mean.isfinite().all() and (style.std >= 0).all()
    assert repr(style) == printable(style)
    style.save(path, overwrite=True)
    assert Style.load(path).fingerprint == style.fingerprint


def _read_network(path: Path) -> None:
    info, _ = load_network(path)
    assert len(info.styles) == info.architecture.styles


# Metadata of each kind of file, and its reader.
_KINDS: dict[str, tuple[Callable[[], list[bytes]], Callable[[Path], object]]] = {
    "model": (seeds.models, _read_model),
    "style": (seeds.styles, _read_style),
    "network": (seeds.networks, _read_network),
    "state": (seeds.states, lambda path: Checkpoints.load(path, "request")),
    "table": (seeds.tables, lambda path: [StyleTable(path).style(name) for name in ("a", "b")]),
}


def _metadata() -> list[bytes]:
    found = []
    for kind, (files, _) in _KINDS.items():
        data = files()[0]
        size = int.from_bytes(data[:8], "little")
        texts = json.loads(data[8 : 8 + size])["__metadata__"]
        found.append(json.dumps({"kind": kind, "metadata": texts}).encode())
    return found


def _read_metadata(path: Path) -> None:
    try:
        found = json.loads(path.read_bytes())
        (files, read), texts = _KINDS[found["kind"]], found["metadata"]
        content = save(load(files()[0]), {str(key): str(text) for key, text in texts.items()})
    except Exception:  # damaged beyond being metadata
        return
    path.write_bytes(content)
    read(path)


def _read_checkpoint(path: Path) -> None:
    """A pickle inside of torch's zip file, read as other people's weights and as a run's own."""
    data = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("data.pkl", data), ("byteorder", b"little"), ("version", b"3\n")):
            archive.writestr(f"archive/{name}", content)
        for number in range(4):
            archive.writestr(f"archive/data/{number}", struct.pack("<27f", *range(27)))
    with contextlib.suppress(WeightsError):
        read_decoder(path)
    config = TrainingConfig(content="a", style="b", encoder="c", output="d")
    load_checkpoint(path, config, torch.device("cpu"))


def _read_plan(path: Path) -> None:
    for part, rows in read_parts(path, 3):
        assert read_rows(path, part) == rows


def _read_archive(path: Path) -> None:
    for name, member in islice(read_index(path).items(), 20):
        assert len(read_member(path, name)) == member.size


def _read_video(path: Path) -> None:
    with VideoReader(path) as reader:
        for item in islice(reader.read(), 40):
            if hasattr(item, "pixels"):
                assert item.pixels.dtype == torch.uint8 and item.pixels.shape[:2] == (1, 3)
        assert all(note.isascii() or note for note in reader.notes)


def _run_words(path: Path) -> None:
    """A command line, in a folder with a photo, an artwork, a style and a clip."""
    line = path.read_bytes().decode("utf-8", "surrogateescape").split("\0")
    words.lay_out(path.parent)
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = main(line)
    except SystemExit as error:
        code = error.code
    finally:
        os.chdir(before)
    assert code in (0, 1, 2), f"exit code {code!r}"


_IMAGES = (ImageFileError,)
TARGETS = {
    "image": Target(seeds.images, _read_image, ".img", mutate_png, _IMAGES),
    "mask": Target(seeds.images, _read_mask, ".img", mutate_png, _IMAGES),
    "profile": Target(seeds.profiles, _read_profile, ".icc", errors=_IMAGES),
    "exif": Target(seeds.exif_blocks, _read_exif, ".exif", errors=_IMAGES),
    "preview": Target(seeds.images, _read_preview, ".jpg", mutate_png, ()),
    "model": Target(seeds.models, _read_model, ".safetensors", mutate_safetensors, (WeightsError,)),
    "style": Target(seeds.styles, _read_style, ".safetensors", mutate_safetensors, (WeightsError,)),
    "network": Target(
        seeds.networks, _read_network, ".safetensors", mutate_safetensors, (WeightsError,)
    ),
    "metadata": Target(_metadata, _read_metadata, ".safetensors", mutate_json_text),
    "checkpoint": Target(seeds.checkpoints, _read_checkpoint, ".pt", errors=(TrainingError,)),
    "plan": Target(seeds.plans, _read_plan, ".jsonl", mutate_json_text, (ValueError,)),
    "archive": Target(seeds.archives, _read_archive, ".tar", errors=_IMAGES),
    "video": Target(seeds.videos, _read_video, ".mp4", errors=(VideoFileError, ImageFileWarning)),
    "options": Target(
        words.lines, _run_words, ".txt", lambda d, c: mutate_words(d, c, words.WORDS), ()
    ),
}
