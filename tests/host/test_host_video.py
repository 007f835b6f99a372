"""Style Transfer Video (AdaIN) between ComfyUI's own video nodes."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import torch
from host_server import Client
from test_host_api import HEIGHT, WIDTH, node, pixels, prompt, saved
from torch import Tensor
from videos import stylize_with_options

from adain_core import AdaINModel

av = pytest.importorskip("av", reason="pip install av")
FRAMES, RATE = 24, 24


@pytest.fixture
def clip(client: Client) -> Path:
    """A camera's way over a photo, with sound, among ComfyUI's input files."""
    wide = (pixels("content/castle.jpg", WIDTH + 2 * FRAMES, HEIGHT) * 255).byte()[0]
    path = client.server.base / "input" / f"clip-{uuid.uuid4().hex}.mp4"
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=48000)
        for number in range(FRAMES):
            part = wide[:, :, 2 * number : 2 * number + WIDTH].permute(1, 2, 0).contiguous()
            container.mux(video.encode(av.VideoFrame.from_ndarray(part.numpy())))
        wave = (torch.arange(48000 * FRAMES // RATE) / 20).sin()[None] / 2
        frame = av.AudioFrame.from_ndarray(wave.numpy(), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        for stream in (video, sound):
            container.mux(stream.encode(None))
    return path


def graph(source: str = "video", **more: dict[str, Any]) -> dict[str, Any]:
    stylize = {"model": ["model", 0], "video": [source, 0], "style_1": ["style", 0]}
    options = {"alpha": 0.8, "style_size": 64, "temporal": "ema"}
    out = node("SaveVideo", video=["stylized", 0], filename_prefix="t", format="auto", codec="auto")
    return prompt(stylized=node("AdaINStylizeVideo", **stylize, **options), out=out, **more)


def load(clip: Path) -> dict[str, Any]:
    return node("LoadVideo", file=clip.name)


def result(client: Client, nodes: dict[str, Any], folder: Path) -> tuple[Tensor, int]:
    """Frames and the number of sound packets of the saved video."""
    run = client.run(nodes)
    assert run.status == "success", run.message
    (file,) = run.files("out")
    path = folder / "found.mp4"
    path.write_bytes(client.server.file(file))
    return read(path)


def read(path: Path) -> tuple[Tensor, int]:
    with av.open(str(path)) as container:
        sounds = container.streams.audio
        packets = sum(1 for _ in container.demux(sounds[0])) - 1 if sounds else 0
    with av.open(str(path)) as container:
        frames = [torch.from_numpy(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    return torch.stack(frames), packets


def nearest(found: Tensor, expected: Tensor) -> list[int]:
    """The frame of ``expected`` that each one is most like: ComfyUI has encoded them once more."""
    difference = (found[:, None].float() - expected[None].float()).abs().mean(dim=(2, 3, 4))
    return difference.argmin(dim=1).tolist()


@pytest.fixture
def expected(clip: Path, tmp_path: Path) -> Tensor:
    """The stylized frames. What H.264 loses of them differs from time to time on a busy machine."""
    model = AdaINModel.from_pretrained(device="cpu", dtype="fp32")
    style = model.encode_style(pixels("style/mosaic.jpg", 80, 80), size=64)
    stylize_with_options(model, clip, tmp_path / "expected.mp4", style, alpha=0.8, quality=0)
    return read(tmp_path / "expected.mp4")[0]


def test_from_file_to_file(client: Client, clip: Path, expected: Tensor, tmp_path: Path) -> None:
    found, sound = result(client, graph(video=load(clip)), tmp_path)
    assert nearest(found, expected) == list(range(FRAMES))
    # H.264 loses 5 levels of these small strokes; one frame differs from the next by 16.
    assert (found.float() - expected.float()).abs().mean() < 7
    assert sound == read(clip)[1]


def test_ten_bits_are_saved(client: Client, clip: Path, tmp_path: Path) -> None:
    nodes = graph(video=load(clip))
    nodes["stylized"]["inputs"]["bit_depth"] = 10
    found, sound = result(client, nodes, tmp_path)
    assert (len(found), sound) == (FRAMES, read(clip)[1])
    with av.open(str(tmp_path / "found.mp4")) as container:
        assert container.streams.video[0].format.name == "yuv420p10le"


def test_frames_in_memory(client: Client, clip: Path, expected: Tensor, tmp_path: Path) -> None:
    parts = node("GetVideoComponents", video=["file", 0])
    create = node("CreateVideo", images=["parts", 0], audio=["parts", 1], fps=float(RATE))
    found, sound = result(client, graph(file=load(clip), parts=parts, video=create), tmp_path)
    assert nearest(found, expected) == list(range(FRAMES))
    assert sound > 0


def test_a_part_of_a_file_is_stylized(
    client: Client, clip: Path, expected: Tensor, tmp_path: Path
) -> None:
    if "Video Slice" not in client.server.json("/object_info"):
        pytest.skip("this ComfyUI cuts no videos")
    cut = {"start_time": 0.5, "duration": 0.25, "strict_duration": False}
    nodes = graph("part", file=load(clip), part=node("Video Slice", video=["file", 0], **cut))
    found, _ = result(client, nodes, tmp_path)
    assert nearest(found, expected) == list(range(12, 18))


def test_the_latest_frame_is_shown(client: Client, clip: Path) -> None:
    nodes = graph(video=load(clip))
    nodes["stylized"]["inputs"]["alpha"] = 0.6  # nothing that the server remembers
    assert client.run(nodes).previews >= 1
    assert client.run(prompt(out=saved("content"))).previews == 0  # other nodes show none


def test_cancel(client: Client, clip: Path) -> None:
    temp = client.server.base / "temp"
    before = set(temp.glob("adain_*.mp4"))
    nodes = graph(video=load(clip))
    nodes["stylized"]["inputs"]["alpha"] = 0.7  # nothing that the server remembers
    run = client.run(nodes, cancel_at=2)
    assert run.status == "interrupted"
    assert set(temp.glob("adain_*.mp4")) == before


def test_pixels_outside_a_mask_keep_the_video(client: Client, clip: Path, tmp_path: Path) -> None:
    """What it does not cover is the video's own."""
    half = WIDTH // 2
    mask = {"destination": ["black", 0], "source": ["white", 0], "operation": "add"}
    nodes = graph(
        video=load(clip),
        white=node("SolidMask", value=1.0, width=half, height=HEIGHT),
        black=node("SolidMask", value=0.0, width=WIDTH, height=HEIGHT),
        mask=node("MaskComposite", x=0, y=0, **mask),
    )
    nodes["stylized"]["inputs"]["mask_1"] = ["mask", 0]
    found, _ = result(client, nodes, tmp_path)
    difference = (found.float() - read(clip)[0].float()).abs()
    # 8 pixels beside the edge: H.264's blocks reach across it.
    assert difference[:, :, half + 8 :].mean() < 3
    assert difference[:, :, : half - 8].mean() > 10
