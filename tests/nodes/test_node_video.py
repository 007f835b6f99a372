"""Style Transfer Video (AdaIN), against the library's own videos."""

from __future__ import annotations

import importlib
import io
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import Tensor
from videos import stylize_with_options

from adain_core import AdaINModel, Style
from adain_core.video import Keyframe, VideoReader

MakeImage = Callable[..., Tensor]
HEIGHT, WIDTH, FRAMES = 48, 64, 5


@pytest.fixture
def clip(tmp_path: Path, make_image: MakeImage) -> Path:
    """An image that moves by four pixels a frame."""
    path = tmp_path / "clip.mp4"
    wide = (make_image(HEIGHT, WIDTH + 4 * FRAMES, seed=1)[0] * 255).byte().numpy()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(FRAMES):
            part = np.ascontiguousarray(wide[:, 4 * number : 4 * number + WIDTH])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(part)))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(autouse=True)
def lossless(bare_pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What x264 loses differs from time to time on a busy machine."""
    for name in ("adain_core", f"{bare_pack.name}.adain_core"):
        codecs = importlib.import_module(f"{name}.video.formats").CODECS
        monkeypatch.setitem(codecs, "h264", replace(codecs["h264"], quality=0))


@pytest.fixture
def library(tiny_path: Path) -> AdaINModel:
    return AdaINModel.from_pretrained(tiny_path, device="cpu", dtype="fp32")


@pytest.fixture
def expected(library: AdaINModel, clip: Path, tmp_path: Path) -> Callable[..., Tensor]:
    """``expected(...)``: frames of the library's video, by options of ``stylize_with_options``."""

    def stylize(styles: Any, **options: Any) -> Tensor:
        path = tmp_path / "expected.mp4"
        stylize_with_options(library, clip, path, styles, overwrite=True, **options)
        return frames_of(path)

    return stylize


@pytest.fixture
def artworks(make_image: MakeImage) -> list[Tensor]:
    return [make_image(32, 40, seed=3), make_image(40, 32, seed=4)]


@pytest.fixture
def encoded(pack: Any, model: Any, artworks: list[Tensor]) -> list[Any]:
    """The artworks' styles as they travel between nodes."""
    inputs = {"model": model, "style_size": 32}
    return [pack.run("AdaINEncodeStyle", image=artwork, **inputs)[0] for artwork in artworks]


@pytest.fixture
def styles(library: AdaINModel, artworks: list[Tensor]) -> list[Style]:
    """The same of the library's."""
    return [library.encode_style(artwork.movedim(-1, 1), size=32) for artwork in artworks]


def frames_of(path: Path) -> Tensor:
    with VideoReader(path) as reader:
        return torch.cat([frame.pixels for frame in reader])


@pytest.fixture
def stylize(pack: Any, model: Any, clip: Path) -> Callable[..., Tensor]:
    """``stylize(...)``: the frames of the node's video, by its inputs."""

    def run(**inputs: Any) -> Tensor:
        inputs = {"alpha": 1.0, "style_size": 32, **inputs}
        (video,) = pack.run("AdaINStylizeVideo", model=model, video=clip, **inputs)
        assert video != clip and clip.exists()
        found = frames_of(video)
        video.unlink()
        assert found.shape == (FRAMES, 3, HEIGHT, WIDTH)
        return found

    return run


def test_an_artwork_or_its_style_equals_the_library(
    stylize: Callable[..., Tensor],
    artworks: list[Tensor],
    encoded: list[Any],
    styles: list[Style],
    expected: Callable[..., Tensor],
) -> None:
    found = stylize(style_1=artworks[0])
    assert torch.equal(found, expected(styles[0], temporal="ema"))
    assert torch.equal(found, stylize(style_1=encoded[0]))
    assert not torch.equal(found, expected(styles[0], temporal="frame"))


def test_options_equal_the_library(
    stylize: Callable[..., Tensor],
    encoded: list[Any],
    styles: list[Style],
    expected: Callable[..., Tensor],
) -> None:
    options = {
        "alpha": 0.5,
        "temporal": "window",
        "temporal_length": 2,
        "content_residual": True,
        "preserve_color": "luminance",
    }
    found = stylize(style_1=encoded[0], **options)
    assert torch.equal(found, expected(styles[0], **options))
    assert torch.equal(found, stylize(style_1=encoded[0], tile=64, **options))


def test_ten_bits(pack: Any, model: Any, encoded: list[Any], clip: Path) -> None:
    inputs = {"style_1": encoded[0], "alpha": 1.0, "bit_depth": 10}
    (video,) = pack.run("AdaINStylizeVideo", model=model, video=clip, **inputs)
    with av.open(str(video)) as container:
        assert container.streams.video[0].format.name == "yuv420p10le"


def test_recolored_artworks(
    stylize: Callable[..., Tensor], artworks: list[Tensor], expected: Callable[..., Tensor]
) -> None:
    found = stylize(style_1=artworks[0], preserve_color="coral")
    artwork = artworks[0].movedim(-1, 1)
    assert torch.equal(found, expected(artwork, preserve_color="coral", style_size=32))


def test_styles_mix_by_weight(
    stylize: Callable[..., Tensor],
    artworks: list[Tensor],
    encoded: list[Any],
    styles: list[Style],
    expected: Callable[..., Tensor],
) -> None:
    inputs = {"style_1": artworks[0], "style_3": encoded[1], "weight_1": 1.0, "weight_3": 0.5}
    found = stylize(**inputs)
    assert torch.equal(found, expected(styles, weights=[1, 0.5]))


def test_alphas_and_weights_of_frames(
    stylize: Callable[..., Tensor],
    encoded: list[Any],
    styles: list[Style],
    expected: Callable[..., Tensor],
) -> None:
    """The last ones serve for the frames after them."""
    inputs = {"style_1": encoded[0], "style_2": encoded[1]}
    inputs |= {"weight_1": [1.0, 0.5, 0.0], "weight_2": [0.0, 0.5, 1.0], "alpha": [0.2, 0.6, 1.0]}
    found = stylize(**inputs)
    keyframes = [Keyframe(0, styles[0], 0.2), Keyframe(2, styles[1], 1.0)]
    assert torch.equal(found, expected(styles[0], keyframes=keyframes))


def left(count: int = 1) -> Tensor:
    """White on the left, from mask to mask more of it."""
    masks = torch.zeros(count, 6, 8)
    for number, mask in enumerate(masks):
        mask[:, : 3 + number] = 1
    return masks


def test_masks(
    stylize: Callable[..., Tensor],
    encoded: list[Any],
    styles: list[Style],
    artworks: list[Tensor],
    expected: Callable[..., Tensor],
    from_nodes: Callable[..., dict[str, Any]],
) -> None:
    """One for all frames or one for each; a style without one fills the rest."""
    one, two = encoded
    found = stylize(style_1=one, mask_1=left())
    assert torch.equal(found, expected(styles[0], masks=[left()]))
    inputs = {"style_1": one, "style_3": two, "mask_3": left(FRAMES), "region_statistics": False}
    found = stylize(**inputs, feather=4)
    options = {"masks": [left(FRAMES)], "region_statistics": False, "feather": 4}
    assert torch.equal(found, expected(styles[1], background=styles[0], **options))
    # Weights and the empty mask of Load Image have no effect.
    inputs |= {"weight_1": 0.3, "mask_1": torch.zeros(1, 64, 64)}
    assert torch.equal(found, stylize(**inputs, **from_nodes(mask_1="LoadImage"), feather=4))
    # Recolored artworks.
    found = stylize(style_1=artworks[0], mask_1=left(), preserve_color="mean_std")
    recolored = {"preserve_color": "mean_std", "style_size": 32}
    artwork = artworks[0].movedim(-1, 1)
    assert torch.equal(found, expected(artwork, masks=[left()], **recolored))


def test_masks_and_alphas_of_frames(
    stylize: Callable[..., Tensor],
    encoded: list[Any],
    styles: list[Style],
    expected: Callable[..., Tensor],
) -> None:
    inputs = dict(zip(("style_1", "style_2"), encoded, strict=True))
    inputs |= {"mask_1": left(2), "mask_2": 1 - left(), "alpha": [0.2, 1.0]}
    found = stylize(**inputs)
    keyframes = [Keyframe(0, styles, 0.2), Keyframe(1, styles, 1.0)]
    assert torch.equal(found, expected(styles, keyframes=keyframes, masks=[left(2), 1 - left()]))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"mask_2": left()}, r"^mask_2 has no style: connect style_2"),
        ({"mask_1": torch.zeros(1, 8, 8)}, r"^mask_1 is black everywhere"),
        ({"mask_1": left(3), "alpha": [0.0, 1.0]}, r"^mask_1 has 3 and alpha has 2"),
        ({"feather": 300}, r"^feather must lie in 0\.\.256, got 300"),
        ({"alpha": 1.5}, r"^alpha must lie in 0\.\.1, got 1\.5"),
        (
            {"style_2": torch.zeros(1, 8, 8, 3), "weight_1": 0.0, "weight_2": 0.0},
            r"^weight_1 and weight_2 are all 0",
        ),
        (
            {"style_2": torch.zeros(1, 8, 8, 3), "alpha": [0.0, 1.0], "weight_1": [1.0, 1.0, 1.0]},
            r"^weight_1 has 3 and alpha has 2",
        ),
        ({"style_size": 5000}, r"^style_size must lie in 0\.\.4096, got 5000"),
        ({"tile": 32}, r"tile"),
        ({"bit_depth": 9}, r"^bit_depth of h264 must be 8 or 10, got 9"),
        ({"alpha": [0.0, 1.0], "preserve_color": "coral"}, r"^preserve_color coral recolors"),
        ({"style_2": torch.zeros(2, 2)}, r"^style_2: expected an IMAGE"),
    ],
)
def test_refused_before_any_work(
    pack: Any, model: Any, make_image: MakeImage, inputs: dict[str, Any], message: str
) -> None:
    inputs = {"style_1": make_image(16, 16), "alpha": 1.0, **inputs}
    with pytest.raises(ValueError, match=message):
        pack.run("AdaINStylizeVideo", model=model, video="no such file.mp4", **inputs)


def test_a_style_has_no_colors(pack: Any, model: Any, encoded: list[Any]) -> None:
    inputs = {"style_1": encoded[0], "alpha": 1.0, "preserve_color": "coral"}
    with pytest.raises(ValueError, match=r"^style_1 contains no image, and the color method coral"):
        pack.run("AdaINStylizeVideo", model=model, video="no such file.mp4", **inputs)


# --- in the host ------------------------------------------------------------------------------


class Video:
    """The host's, of the first frames of a file."""

    def __init__(self, file: Any, frames: int = FRAMES) -> None:
        self.file, self.frames, self.saved = file, frames, []

    def get_duration(self) -> float:
        return self.frames / 30

    def get_dimensions(self) -> tuple[int, int]:
        return WIDTH, HEIGHT

    def save_to(self, path: str, crf: float | None = None) -> None:
        self.saved.append(Path(path))
        self.crf = crf
        with av.open(self.file) as source, av.open(path, "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for number, frame in enumerate(source.decode(video=0)):
                if number < self.frames:
                    container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


class VideoFromFile(Video):
    """The host's class that tells its file."""

    def get_stream_source(self) -> Any:
        return self.file


@pytest.fixture
def video_host(host: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = ModuleType("comfy_api.input_impl")
    module.VideoFromFile = VideoFromFile
    monkeypatch.setitem(sys.modules, "comfy_api", ModuleType("comfy_api"))
    monkeypatch.setitem(sys.modules, "comfy_api.input_impl", module)
    host.management.InterruptProcessingException = host.interruption
    return host


@pytest.fixture
def run(video_host: Any, make_image: MakeImage) -> Callable[[Any], Any]:
    (model,) = video_host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    inputs = {"model": model, "style_1": make_image(32, 32, seed=3), "alpha": 1.0}
    return lambda video: video_host.pack.run("AdaINStylizeVideo", video=video, **inputs)[0]


def test_a_file_is_read_where_it_is(
    video_host: Any, run: Callable[[Any], Any], clip: Path, tmp_path: Path
) -> None:
    video = VideoFromFile(str(clip))
    made = run(video)
    assert isinstance(made, VideoFromFile)
    assert Path(made.file).parent == tmp_path / "temp" and len(frames_of(Path(made.file))) == FRAMES
    assert not video.saved and clip.exists()
    # The artwork encoded, finished; then the frames.
    frames = [(n, FRAMES) for n in range(1, FRAMES + 1)]
    assert video_host.steps == [(100, 100), (100, 100), *frames]


def test_a_frame_is_shown_every_second(
    video_host: Any, run: Callable[[Any], Any], clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([10.0, 10.4, 11.1, 11.2, 12.3])
    clock = SimpleNamespace(monotonic=lambda: next(times))
    monkeypatch.setattr(video_host.pack.submodule("nodes.host"), "time", clock)
    made = frames_of(Path(run(VideoFromFile(str(clip))).file))
    assert [(kind, size) for kind, _, size in video_host.previews] == [("JPEG", 512)] * 3
    shown = [torch.from_numpy(np.array(each)).movedim(-1, 0) for _, each, _ in video_host.previews]
    # Not equal: color has half the resolution in the file.
    difference = (torch.stack(shown)[:, None].float() - made.float()).abs().mean(dim=(2, 3, 4))
    assert difference.argmin(dim=1).tolist() == [0, 2, 4]


class Part(VideoFromFile):
    """A newer host's: all of a file or a part, perhaps cropped."""

    def __init__(
        self, file: Any, start: float = 0.0, duration: float = 0.0, cropped: bool = False
    ) -> None:
        super().__init__(file)
        self.window, self.cropped = (start, duration), cropped

    def get_active_trim_window(self) -> tuple[float, float]:
        return self.window

    def has_pending_frame_edits(self) -> bool:
        return self.cropped


@pytest.mark.parametrize(
    ("start", "duration", "numbers"),
    [(0.0, 0.0, [0, 1, 2, 3, 4]), (0.05, 0.0, [2, 3, 4]), (1 / 30, 2 / 30, [1, 2])],
)
def test_a_part_is_read_from_the_whole_file(
    run: Callable[[Any], Any], clip: Path, start: float, duration: float, numbers: list[int]
) -> None:
    video = Part(str(clip), start, duration)
    found, expected = (frames_of(Path(run(each).file)) for each in (video, Part(str(clip))))
    difference = (found[:, None].float() - expected.float()).abs().mean(dim=(2, 3, 4))
    assert difference.argmin(dim=1).tolist() == numbers
    assert not video.saved


def test_what_is_cropped_is_saved_first(run: Callable[[Any], Any], clip: Path) -> None:
    video = Part(str(clip), cropped=True)
    run(video)
    assert len(video.saved) == 1 and video.crf == 8  # hardly any loss


def test_what_lies_in_memory_is_copied_to_a_file(run: Callable[[Any], Any], clip: Path) -> None:
    video = Part(io.BytesIO(clip.read_bytes()))
    assert len(frames_of(Path(run(video).file))) == FRAMES
    assert len(video.saved) == 1 and video.crf is None  # the host would encode it anew


def test_frames_of_a_part_have_their_own_alphas_and_masks(
    video_host: Any, clip: Path, make_image: MakeImage
) -> None:
    """A part's numbers are not those of the whole file: the host writes it first."""
    (model,) = video_host.pack.run("AdaINModelLoader", model="tiny.safetensors", dtype="fp32")
    inputs = {"model": model, "style_1": make_image(32, 32, seed=3)}
    masks = torch.ones(3, 8, 8)
    for more in ({"alpha": [0.0, 1.0, 1.0]}, {"alpha": 1.0, "mask_1": masks}):
        video = Part(str(clip), 2 / 30)
        video.frames = 3
        video_host.pack.run("AdaINStylizeVideo", video=video, **inputs, **more)
        assert len(video.saved) == 1


def test_what_is_no_whole_file_is_saved_first(
    run: Callable[[Any], Any], clip: Path, tmp_path: Path
) -> None:
    for kind, frames in ((VideoFromFile, 3), (Video, FRAMES)):
        video = kind(str(clip), frames)
        made = run(video)
        assert len(frames_of(Path(made.file))) == frames
        (saved,) = video.saved
        assert saved.parent == tmp_path / "temp" and not saved.exists()


def test_frames_of_odd_sizes_are_refused_before_the_host_saves_them(
    run: Callable[[Any], Any], clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = Video(str(clip))
    monkeypatch.setattr(video, "get_dimensions", lambda: (WIDTH + 1, HEIGHT))
    message = f"video: width and height must be even, got {WIDTH + 1}x{HEIGHT}; scale or crop"
    with pytest.raises(ValueError, match=message):
        run(video)
    assert not video.saved


@pytest.mark.parametrize("base", [Exception, BaseException])  # older hosts', newer hosts'
def test_cancel_leaves_nothing(
    video_host: Any,
    run: Callable[[Any], Any],
    clip: Path,
    tmp_path: Path,
    base: type[BaseException],
) -> None:
    class Steps(list[tuple[int, int]]):
        def append(self, step: tuple[int, int]) -> None:
            super().append(step)
            video_host.cancelled = step == (2, FRAMES)

    video_host.steps = Steps()
    interruption = type("InterruptProcessingException", (base,), {})
    video_host.interruption = interruption
    video_host.management.InterruptProcessingException = interruption
    with pytest.raises(interruption):
        run(VideoFromFile(str(clip)))
    assert video_host.steps[-1] == (2, FRAMES)
    assert list((tmp_path / "temp").iterdir()) == []


def test_other_errors_keep_the_frames_so_far(
    video_host: Any, run: Callable[[Any], Any], clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, done: int, total: int | None, frame: Tensor) -> None:
        if done == 3:
            raise RuntimeError("the memory is gone")

    monkeypatch.setattr(video_host.pack.submodule("nodes.host").VideoProgress, "frame", fail)
    with pytest.raises(RuntimeError, match="the memory is gone") as error:
        run(VideoFromFile(str(clip)))
    [note] = error.value.__notes__
    kept, _, count = note.partition(" holds ")
    assert count == "the first 3 frames" and len(frames_of(Path(kept))) == 3


def test_notes_are_logged(
    run: Callable[[Any], Any], clip: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:00,100\nHello\n")
    both = tmp_path / "both.mkv"
    with av.open(str(both), "w") as made, av.open(str(clip)) as one, av.open(str(words)) as two:
        sources = [(each, made.add_stream_from_template(each.streams[0])) for each in (one, two)]
        for source, stream in sources:
            for packet in source.demux(0):
                if packet.dts is not None:
                    packet.stream = stream
                    made.mux(packet)
    with caplog.at_level(logging.WARNING):
        run(VideoFromFile(str(both)))
    assert "Style Transfer Video (AdaIN): " in caplog.text and "1 subtitle track(s)" in caplog.text
