"""Whole files of every kind, small, from which the damaged ones are made."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
import zipfile
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import PIL.Image
import torch
from PIL import ImageCms

from adain_core import AdaINModel, Architecture, Style
from adain_core.dataset.style_table import write_table
from adain_core.methods.network import NetworkArchitecture, TransferNetwork
from adain_core.methods.network_file import NetworkInfo, save_network
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.options import StylizeOptions
from adain_core.stylizer import Stylizer
from adain_core.temporal import TemporalPool
from adain_core.video.resume import Checkpoints
from adain_core.weights import ModelInfo

_FORMATS = {
    "RGB": ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "TGA", "JPEG2000", "AVIF", "GIF"),
    "RGBA": ("PNG", "WEBP", "TIFF", "TGA"),
    "L": ("PNG", "JPEG", "TIFF"),
    "P": ("PNG", "GIF", "BMP"),
    "LA": ("PNG",),
    "1": ("PNG", "TIFF", "PPM"),
    "CMYK": ("JPEG", "TIFF"),
    "I;16": ("PNG", "TIFF"),
    "F": ("TIFF",),
}
_VIDEOS = (
    *(("clip.mp4", "libx264"), ("clip.mov", "mpeg4"), ("clip.mkv", "ffv1"), ("clip.gif", "gif")),
    *(("clip.webm", "libvpx-vp9"), ("clip.avi", "mjpeg"), ("clip.ts", "mpeg2video")),
    *(("clip.flv", "flv"), ("clip.apng", "apng"), ("clip.ogv", "libtheora"), ("clip.wmv", "wmv2")),
)


def make_image(mode: str = "RGB", size: tuple[int, int] = (20, 14)) -> PIL.Image.Image:
    """Return a small image with detail."""
    values = np.arange(size[0] * size[1] * 3, dtype=np.uint32) * 2654435761 >> 24
    image = PIL.Image.fromarray(values.astype(np.uint8).reshape(size[1], size[0], 3))
    if mode == "I;16":
        return PIL.Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode == "F":
        return PIL.Image.fromarray(np.asarray(image.convert("L"), np.float32) / 255)
    return image.convert(mode)


@cache
def images() -> list[bytes]:
    """Return images of all formats and modes."""
    PIL.Image.init()
    found = [
        _encode(make_image(mode), name, exif=exif().tobytes())
        for mode, names in _FORMATS.items()
        for name in names
        if name in PIL.Image.SAVE
    ]
    frames = [make_image(), make_image().rotate(180)]
    for name in ("GIF", "PNG", "WEBP", "TIFF"):
        found.append(_encode(frames[0], name, save_all=True, append_images=frames[1:]))
    found.append(_encode(make_image(), "JPEG", progressive=True))
    found.append(_encode(make_image(), "TIFF", compression="tiff_lzw"))
    return found


def _encode(image: PIL.Image.Image, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def exif() -> PIL.Image.Exif:
    """Return a camera's notes."""
    tags = PIL.Image.Exif()
    tags[0x0112], tags[0x013B], tags[0x011A] = 6, "A. Nother", 72.0  # turned, artist, resolution
    tags[0x8769] = {0xA434: "50 mm", 0x829D: 2.8}
    tags[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    return tags


def exif_blocks() -> list[bytes]:
    """Return EXIF as it stands in a file."""
    return [exif().tobytes()]


def profiles() -> list[bytes]:
    """Return color profiles."""
    names = ("sRGB", "LAB", "XYZ")
    found = [ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes() for name in names]
    srgb = found[0]
    return [*found, srgb[:16] + b"GRAY" + srgb[20:], srgb[:16] + b"CMYK" + srgb[20:]]


@cache
def model() -> AdaINModel:
    """Return a tiny model."""
    torch.manual_seed(0)
    architecture = Architecture(widths=(4, 6, 8, 10))
    networks = Encoder(architecture), Decoder(architecture)
    return AdaINModel(*networks, ModelInfo(architecture, training={"steps": 3}), "tiny")


@cache
def models() -> list[bytes]:
    """Return model files."""
    return [_saved(model().save)]


@cache
def styles() -> list[bytes]:
    """Return style files."""
    style = model().encode_style(make_image())
    return [_saved(style.save), _saved(Style.mix([style, style], [1, 3]).save)]


@cache
def states() -> list[bytes]:
    """Return states of interrupted videos."""
    pool = TemporalPool("ema", 4)
    Stylizer(model(), StylizeOptions(model().encode_style(make_image())), pool)(make_image())

    def write(path: Path) -> None:
        checkpoints = Checkpoints(path, "request")
        checkpoints.add(0, {})
        checkpoints.add(24, pool.state_dict())

    return [_saved(write)]


@cache
def tables() -> list[bytes]:
    """Return tables of styles."""
    styles = {name: model().encode_style(make_image()) for name in ("a", "b")}
    return [_saved(lambda path: write_table(path, styles, {"c": "no image"}, "0" * 12))]


@cache
def networks() -> list[bytes]:
    """Return files of networks for one style."""
    torch.manual_seed(0)
    architecture = NetworkArchitecture(width=2, styles=2)
    info = NetworkInfo(architecture, ("a", "b"))
    network = TransferNetwork(architecture)
    return [_saved(lambda path: save_network(path, info, network))]


def _saved(save: Any) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.safetensors"
        save(path)
        return path.read_bytes()


@cache
def checkpoints() -> list[bytes]:
    """Return the pickles inside checkpoints."""
    # 108 bytes in each storage, as the reader is given them.
    state = {"0.weight": torch.ones(3, 3, 3, 1), "0.bias": torch.zeros(27)}
    run = {"format": 1, "config": "{}", "step": 3, "model": state, "losses": [{"total": 1.0}]}
    kinds = [torch.nn.Parameter(torch.ones(27)), torch.ones(54).half(), torch.ones(27)[3:9]]
    found = []
    for value in (state, run, kinds):
        file = io.BytesIO()
        torch.save(value, file)
        with zipfile.ZipFile(file) as archive:
            found.append(archive.read("archive/data.pkl"))
    return [*found, pickle.dumps({"0.weight": [1, 2]}, protocol=2)]


@cache
def plans() -> list[bytes]:
    """Return plans of data sets."""
    row = {"image": "a/1.png", "artwork": "art/x.jpg", "alpha": 0.5, "seed": 0}
    rows = [{**row, "output": f"a/{number}.png"} for number in range(4)]
    archived = [{**row, "output": f"0.tar/{number}.png"} for number in range(4)]
    return ["\n".join(map(json.dumps, each)).encode() for each in (rows, archived)]


@cache
def archives() -> list[bytes]:
    """Return tar files of images."""
    found = []
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
            for name in ("a.png", "folder/" + "long" * 40 + ".png"):
                entry, content = tarfile.TarInfo(name), images()[0]
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        found.append(file.getvalue()[:-9216])  # zeros
    return found


@cache
def videos() -> list[bytes]:
    """Return videos of a few frames."""
    with TemporaryDirectory() as folder:
        return [
            _video(Path(folder) / name, codec)
            for name, codec in _VIDEOS
            if codec in av.codecs_available
        ]


def _video(path: Path, codec: str) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height = 64, 48
        formats = stream.codec_context.codec.video_formats or ()
        names = [each.name for each in formats]
        stream.pix_fmt = "yuv420p" if "yuv420p" in names else names[0] if names else "yuv420p"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        sound = None
        if path.suffix in (".mp4", ".mkv"):
            sound = container.add_stream("aac" if path.suffix == ".mp4" else "flac", rate=48000)
        for number in range(5):
            frame = av.VideoFrame.from_image(make_image(size=(64, 48)).rotate(30 * number))
            container.mux(stream.encode(frame))
        if sound is not None:
            wave = np.zeros((1, 4096), np.float32 if path.suffix == ".mp4" else np.int16)
            layout = "fltp" if path.suffix == ".mp4" else "s16"
            part = av.AudioFrame.from_ndarray(wave, format=layout, layout="mono")
            part.sample_rate = 48000
            container.mux(sound.encode(part))
            container.mux(sound.encode(None))
        container.mux(stream.encode(None))
    return path.read_bytes()
