"""Models and styles by name: bundled ones, and the user's in ComfyUI's model folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import torch

from ..adain_core import AdaINModel, Style, WeightsError
from ..adain_core.choices import DEFAULT_MODEL
from ..adain_core.networks.architecture import VGG19_WIDTHS
from ..adain_core.networks.encoder_decoder import Encoder
from ..adain_core.weights import shipped_folder
from . import host

MODEL_FOLDER = "adain"
# The paper's official model, whose encoder computes the losses.
VGG19 = "adain-vgg19"
STYLE_FOLDER = "adain_styles"
# Memory for gradients of the loss network, bytes per pixel of an image.
_DESCENT_BYTES = 4096


# The commands for functions that the library advises to call.
_REMEDIES = {
    "convert_vgg19": "adain weights convert",
    "download_vgg19": "adain weights download vgg19",
}


class Library:
    """The models or the styles: bundled files, and the user's.

    Args:
        folder: name of the host's model folder.
        kind: kind of the files, for messages.
        shipped: returns the folder of the bundled files.
        first: stem of the bundled file that is listed first.
        advice: how to get a file, for messages.
    """

    def __init__(
        self, folder: str, kind: str, shipped: Callable[[], Path], first: str, advice: str
    ) -> None:
        self.folder, self._kind, self._advice = folder, kind, advice
        self._shipped, self._first = shipped, first

    @property
    def shipped_folder(self) -> Path:
        """The folder of the bundled files."""
        return self._shipped()

    @property
    def shipped(self) -> dict[str, Path]:
        """The bundled files by name."""
        files = sorted(self.shipped_folder.glob(f"*{host.EXTENSION}"))
        files.sort(key=lambda path: path.stem != self._first)
        return {path.name: path for path in files}

    def names(self) -> list[str]:
        """Return all file names, the bundled ones first."""
        return list(dict.fromkeys([*self.shipped, *host.list_files(self.folder)]))

    def find(self, name: str) -> Path | None:
        """Return the file of a name; that of the user replaces a bundled one."""
        return host.find_file(self.folder, name) or self.shipped.get(name)

    def require(self, name: str) -> Path:
        """Return the file of a name.

        Raises:
            ValueError: there is no such file.
        """
        path = self.find(name)
        if path is None:
            raise ValueError(self.missing(name))
        return path

    def check(self, name: str | None) -> bool | str:
        """Return the result of ``VALIDATE_INPUTS`` for a name; ``None`` for a connected input.

        It replaces the host's check, whose message is only "not in list".
        """
        return True if name is None or self.find(name) else self.missing(name)

    def missing(self, name: str) -> str:
        """Return the message for a name without a file."""
        known = ", ".join(self.names()) or "none"
        advice = self._advice.format(place=host.folders(self.folder)[0])
        if Path(name).stem == self._first:
            advice = "It comes with the pack: install the pack again, or choose another"
        return f"There is no {self._kind} {name!r}. {advice}; found here: {known}"

    @contextmanager
    def reading(self, path: Path, name: str) -> Iterator[None]:
        """Turn an error into one that names the input, the damaged file, and what to do.

        Args:
            path: path of the file.
            name: name of the input that chose it.

        Raises:
            ValueError: the file cannot be read.
        """
        try:
            yield
        except WeightsError as error:
            # The page shows only the beginning of an error, so it starts with the short file name.
            words = error.advise(_REMEDIES).replace(str(path), path.name)
            raise ValueError(f"{name}: {words}; {self._way_out(path, name)}") from None

    def _way_out(self, path: Path, name: str) -> str:
        own, place = self.shipped.get(path.name), host.short_path(path)
        if own == path:
            return "it is the pack's own: install the pack again"
        if own is not None:
            return (
                f"it is yours, {place}, and hides the pack's own of that name: delete it, and the "
                "pack's own serves, or replace it"
            )
        if path.stem == self._first:
            return (
                f"it is yours, {place}, and the pack's own of that name is gone: install the pack "
                "again and delete this file, or replace it"
            )
        return f"it is {place}; choose another {name}"


MODELS = Library(
    MODEL_FOLDER,
    "AdaIN model",
    lambda: shipped_folder(),
    DEFAULT_MODEL,
    "Put the file into {place} and press R to refresh, or choose another",
)
STYLES = Library(
    STYLE_FOLDER,
    "style",
    lambda: shipped_folder() / "styles",
    "",
    "Save one with Save AdaIN Style, or put the file into {place}, and press R to refresh",
)


def load_model(name: str, dtype: str = "auto") -> host.ManagedModel:
    """Return a model for the host to manage.

    Args:
        name: name of the file.
        dtype: ``auto``, ``fp32``, ``bf16`` or ``fp16``.

    Raises:
        ValueError: there is no such file, or it is damaged.
    """
    return _read_model(MODELS.require(name), dtype)


def model_or_default(model: host.ManagedModel | None) -> host.ManagedModel:
    """Return the connected model, or the bundled one, even if the user has one of that name.

    Raises:
        ValueError: the bundled model is missing or damaged.
    """
    if model is not None:
        return model
    shipped = next(iter(MODELS.shipped.values()), None)
    return _read_model(shipped or MODELS.require(f"{DEFAULT_MODEL}{host.EXTENSION}"))


def load_loss_network(model: host.ManagedModel | None, height: int, width: int) -> Encoder:
    """Return the loss network, in float32 on the compute device.

    Args:
        model: the connected model; ``None``: the official one from the model folder.
        height: height of the images to refine, pixels.
        width: width, likewise.

    Raises:
        ValueError: there is none, or the model is a slim one.
    """
    if model is None:
        name = f"{VGG19}{host.EXTENSION}"
        if MODELS.find(name) is None:
            place = host.folders(MODEL_FOLDER)[0]
            raise ValueError(
                f"model: there is no {VGG19} to compute the losses with. Put {name} into {place}; "
                "the help of Load AdaIN Model says how to get it"
            )
        model = load_model(name, "fp32")
    found = model.model.info.architecture.widths
    if found != VGG19_WIDTHS:
        raise ValueError(
            f"model: expected {VGG19} or another model of its widths {VGG19_WIDTHS}, got "
            f"{model.model.name} with {found}; choose {VGG19} in Load AdaIN Model"
        )
    encoder = model.load(height, width, bytes_per_pixel=_DESCENT_BYTES).encoder
    # In half precision, the last steps are smaller than the rounding error.
    return encoder if model.model.dtype == torch.float32 else deepcopy(encoder).float()


def _read_model(path: Path, dtype: str = "auto") -> host.ManagedModel:
    with MODELS.reading(path, "model"):
        loaded = AdaINModel.from_pretrained(path, device="cpu", dtype="fp32")
    return host.ManagedModel(loaded.to(host.choose_dtype(dtype)))


def load_style(name: str) -> Style:
    """Return a saved style.

    Raises:
        ValueError: there is no such file, or it is damaged.
    """
    path = STYLES.require(name)
    with STYLES.reading(path, "style"):
        return Style.load(path)
