"""ComfyUI: devices, memory, progress and folders.

This and host_video alone touch its modules.

Outside ComfyUI, in tests and scripts, every function here has a plain stand-in.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ..adain_core import AdaINModel, save_image
from ..adain_core.engine.tiles import activation_bytes, automatic_tile
from ..adain_core.pixels import reduce_uint8
from ..adain_core.utils.devices import DTYPES, resolve_device, resolve_dtype
from ..adain_core.weights import cache_folder

try:
    import folder_paths
except ModuleNotFoundError:
    HOSTED = False
else:
    HOSTED = True
    import comfy.model_management as management
    from comfy.model_patcher import ModelPatcher
    from comfy.utils import ProgressBar as HostProgressBar

# The only kind of file the pack reads: it cannot run code.
EXTENSION = ".safetensors"
# Nodes whose mask is all black where their image has no transparency.
IMAGE_LOADERS = ("LoadImage", "LoadImageOutput")
# Steps of the progress bar per image, shown as percent.
_STEPS = 100
# Pixels of the longer side, and seconds from one preview to the next.
_PREVIEW_SIZE = 512
_PREVIEW_SECONDS = 0.5


# --- devices and memory -----------------------------------------------------------------------


def compute_device() -> torch.device:
    """Return the device that models run on."""
    device = management.get_torch_device() if HOSTED else resolve_device("auto")
    # DirectML's tensors have no storage to tell weights apart by, and its torch stopped at 2.4.
    return torch.device("cpu") if device.type == "privateuseone" else device


def output_device() -> torch.device:
    """Return the device that keeps results for the next node."""
    return management.intermediate_device() if HOSTED else torch.device("cpu")


def choose_dtype(name: str) -> torch.dtype:
    """Return the dtype behind a combo's ``auto``, ``fp32``, ``bf16`` or ``fp16``."""
    device = compute_device()
    if name != "auto" or not HOSTED:
        return resolve_dtype(name, device)
    if device.type == "cpu" and not management.FORCE_FP32:
        # The host selects float32 on every CPU; bfloat16 is two to three times as fast where the
        # hardware supports it.
        return resolve_dtype("auto", device)
    if management.should_use_fp16(device):
        return DTYPES["fp16"]
    return DTYPES["bf16"] if management.should_use_bf16(device) else DTYPES["fp32"]


class _Wrapped(nn.ModuleList):
    """A module around an AdaINModel, which takes the attributes that the patcher sets."""


class ManagedModel:
    """What travels as ADAIN_MODEL: a model that the host moves between its devices.

    Args:
        model: the model, on the CPU.
    """

    def __init__(self, model: AdaINModel) -> None:
        self.model = model
        if HOSTED:
            # The patcher sets ``device`` on what it wraps; on AdaINModel that is a property.
            self._patcher = ModelPatcher(
                _Wrapped([model]),
                load_device=compute_device(),
                offload_device=management.unet_offload_device(),
            )

    def __repr__(self) -> str:
        # Short: the host prints its nodes' inputs.
        return f"ManagedModel({self.model!r})"

    def load(self, height: int, width: int, bytes_per_pixel: int | None = None) -> AdaINModel:
        """Load the model to the compute device, and keep memory free for one image.

        Args:
            height: height of the image, pixels.
            width: width of the image, pixels.
            bytes_per_pixel: memory for the work on it; ``None``: for stylizing.
        """
        device = compute_device()
        if HOSTED:
            required = memory_required(self.model, height, width)
            if bytes_per_pixel is not None:
                required = bytes_per_pixel * height * width
            management.load_models_gpu(
                [self._patcher], memory_required=required, force_full_load=True
            )
        # With --novram the host moves no weights and expects layers that fetch their own; these
        # few MB are simply moved.
        return self.model.to(device)


def memory_required(model: AdaINModel, height: int, width: int) -> int:
    """Return the approximate bytes for encoding and decoding an image, without the weights."""
    channels = model.info.architecture.channels
    widest = max(channels[:2])
    tile = automatic_tile(widest, model.dtype)
    activations = activation_bytes(widest, model.dtype, min(height * width, tile * tile))
    # RGB in and out and the features before and after AdaIN, float32; 64 pixels a feature.
    return activations + height * width * (2 * 3 * 4 + 2 * 4 * channels[-1] // 64)


# --- progress ---------------------------------------------------------------------------------


class Progress:
    """The progress bar of the running node; Cancel takes effect at each step.

    Args:
        images: number of images to process, including artworks to encode.
    """

    def __init__(self, images: int) -> None:
        self._done, self._shown = 0, 0.0
        self._preview: Any = None
        self._bar = HostProgressBar(images * _STEPS) if HOSTED else None

    @contextmanager
    def work(self, images: int = 1) -> Iterator[Callable[[int, int], None]]:
        """Show the progress of processing some images.

        Args:
            images: number of images.

        Yields:
            The ``progress`` argument for the library.
        """
        yield lambda done, total: self._show(images * done / total)
        self._done += images
        self._show(0)

    def watch(self, images: Tensor) -> None:
        """Show the first image with the next step, at most twice a second.

        Args:
            images: ``(B, 3|4, H, W)``, as for ``watch`` of the library.
        """
        now = time.monotonic() if self._bar is not None else 0.0
        if now - self._shown >= _PREVIEW_SECONDS:
            self._shown, self._preview = now, _make_preview(images[:1, :3])

    def _show(self, ahead: float) -> None:
        if self._bar is None:
            return
        check_cancel()
        step = round((self._done + ahead) * _STEPS)
        # The next node shows the result; a preview would stay on this one.
        preview, self._preview = None if step == self._bar.total else self._preview, None
        self._bar.update_absolute(step, preview=preview)


class VideoProgress:
    """The progress bar of a video's frames, with a preview on the node every second."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._bar = HostProgressBar(1) if HOSTED else None

    def frame(self, done: int, total: int | None, image: Tensor) -> None:
        """Show how many frames are finished; as the library's ``progress=``."""
        if self._bar is None:
            return
        check_cancel()
        preview, now = None, time.monotonic()
        if now - self._shown >= 1:
            self._shown, preview = now, _make_preview(image[None])
        self._bar.update_absolute(min(done, total) if total else 0, total or 1, preview)


def _make_preview(image: Tensor) -> tuple[str, Image.Image, int]:
    """Return an image ``(1, 3, H, W)`` in the format of the host's progress bar."""
    # A large image is subsampled first: reading all of it would take longer than a tile.
    step = max(1, max(image.shape[2:]) // (2 * _PREVIEW_SIZE))
    thin = image[..., ::step, ::step]
    factor = min(1, _PREVIEW_SIZE / max(thin.shape[2:]))
    height, width = (max(1, round(side * factor)) for side in thin.shape[2:])
    small = reduce_uint8(thin, (height, width))[0].movedim(0, -1).cpu()
    return "JPEG", Image.fromarray(small.numpy()), _PREVIEW_SIZE


def check_cancel() -> None:
    """Raise the host's exception for Cancel, which its progress bars check only sometimes."""
    if HOSTED:
        management.throw_exception_if_processing_interrupted()


def source_type(graph: Any, node_id: str | None, name: str) -> str:
    """Return the type of the node that is connected to an input; empty if unknown.

    Args:
        graph: the host's DYNPROMPT.
        node_id: id of the node with the input.
        name: name of the input.
    """
    if graph is None or node_id is None:
        return ""
    link = graph.get_node(node_id)["inputs"].get(name)
    return str(graph.get_node(link[0])["class_type"]) if isinstance(link, list) else ""


def interruption(error: BaseException) -> BaseException | None:
    """Return the exception of Cancel, if an error is that or was caused by it."""
    if HOSTED:
        for each in (error, error.__cause__):
            if each is not None and isinstance(each, management.InterruptProcessingException):
                return each
    return None


# --- folders and files ------------------------------------------------------------------------


def temporary_file(suffix: str) -> Path:
    """Return a new file name in the folder that the host empties when it starts."""
    folder = Path(folder_paths.get_temp_directory() if HOSTED else tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"adain_{uuid.uuid4().hex}{suffix}"


def register_folder(name: str, shipped: Path | None = None) -> None:
    """Register ``models/<name>`` as a model folder for safetensors files.

    Folders from the user's extra_model_paths.yaml come first.

    Args:
        name: name of the folder.
        shipped: folder of the bundled files, so that the host shows their previews; comes last.
    """
    if not HOSTED:
        return
    folder_paths.add_model_folder_path(name, str(Path(folder_paths.models_dir) / name))
    if shipped is not None:
        folder_paths.add_model_folder_path(name, str(shipped))
    paths, extensions = folder_paths.folder_names_and_paths[name]
    # Folders added without extensions, like these and those of the yaml file, list every file.
    folder_paths.folder_names_and_paths[name] = (paths, {*extensions, EXTENSION})


def folders(name: str) -> list[Path]:
    """Return the paths of a model folder; new files go to the first."""
    if HOSTED:
        return [Path(path) for path in folder_paths.get_folder_paths(name)]
    return [cache_folder() / name]


def list_files(name: str) -> list[str]:
    """Return the safetensors files of a model folder, relative to it."""
    if HOSTED:
        files = folder_paths.get_filename_list(name)
    else:
        found = (folder for folder in folders(name) if folder.is_dir())
        files = sorted(file.name for folder in found for file in folder.iterdir())
    return [file for file in files if file.lower().endswith(EXTENSION)]


def find_file(name: str, file: str) -> Path | None:
    """Return the path of a file that :func:`list_files` lists, else ``None``."""
    if file not in list_files(name):
        return None
    return next((path / file for path in folders(name) if (path / file).is_file()), None)


def shown(image: Tensor | None) -> dict[str, Any]:
    """Return the ``ui`` value of a node that shows an image.

    Args:
        image: ``(1, 3, H, W)`` in 0..1.
    """
    if image is None or not HOSTED:
        return {}
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    image = image.cpu()
    name = f"adain_{hashlib.sha256(image.numpy().tobytes()).hexdigest()[:16]}.jpg"
    if not (folder / name).exists():
        save_image(folder / name, image)
    return {"images": [{"filename": name, "subfolder": "", "type": "temp"}]}


def short_path(path: Path) -> str:
    """Return a path relative to the host's folder, if it is in there."""
    if HOSTED and path.is_relative_to(folder_paths.base_path):
        return path.relative_to(folder_paths.base_path).as_posix()
    return str(path)


def file_hash(path: Path | None) -> str:
    """Return the SHA-256 of a file's content; empty if there is no file."""
    if path is None or not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()
