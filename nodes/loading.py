"""Load AdaIN Model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..adain_core import AdaINModel
from ..adain_core.choices import DEFAULT_MODEL
from ..adain_core.weights import shipped_folder
from . import host
from .images import refused_files
from .inputs import CATEGORY

MODEL_FOLDER = "adain"


def _shipped_models() -> dict[str, Path]:
    """The pack's own models by file name, the default first."""
    files = sorted(
        shipped_folder().glob(f"*{host.EXTENSION}"), key=lambda path: path.stem != DEFAULT_MODEL
    )
    return {path.name: path for path in files}


def _names() -> list[str]:
    return list(dict.fromkeys([*_shipped_models(), *host.list_files(MODEL_FOLDER)]))


def _find(name: str) -> Path | None:
    # The user's file first, as for styles: whoever puts one under a shipped name means that one.
    return host.find_file(MODEL_FOLDER, name) or _shipped_models().get(name)


class AdaINModelLoader:
    """An encoder and its decoder from a file."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Loads an AdaIN model: an encoder and the decoder trained with it. The pack ships one, "
        f"adain-slim; others go as .safetensors files into ComfyUI's models/{MODEL_FOLDER} folder."
    )
    SEARCH_ALIASES = ("style transfer model", "adain loader", "load model")
    RETURN_TYPES = ("ADAIN_MODEL",)
    RETURN_NAMES = ("model",)
    OUTPUT_TOOLTIPS = ("The model, for the AdaIN nodes that encode, decode or stylize.",)
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "model": (
                    _names(),
                    {
                        "tooltip": "The model's file: the pack's own first, then those in "
                        f"ComfyUI's models/{MODEL_FOLDER}; of two with one name yours is taken. "
                        "Styles only fit the model that encoded them."
                    },
                ),
                "dtype": (
                    ["auto", "fp32", "bf16", "fp16"],
                    {
                        "default": "auto",
                        "tooltip": "Precision. auto chooses for your device: half precision on "
                        "most GPUs, as ComfyUI has it; on a CPU bf16 if it has instructions for "
                        "that, else fp32. The pictures hardly differ.",
                    },
                ),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, model: str | None) -> bool | str:
        # In place of the host's own check, which would say no more than "not in list".
        return True if model is None or _find(model) else _not_found(model)

    @classmethod
    def IS_CHANGED(cls, model: str | None, dtype: str | None = None) -> str:
        return "" if model is None else host.file_hash(_find(model))

    def load(self, model: str, dtype: str) -> tuple[host.ManagedModel]:
        """Run the node."""
        path = _find(model)
        if path is None:
            raise ValueError(_not_found(model))
        with refused_files("model", path):
            loaded = AdaINModel.from_pretrained(path, device="cpu", dtype="fp32")
        return (host.ManagedModel(loaded.to(host.choose_dtype(dtype))),)


def _not_found(model: str) -> str:
    places = " or ".join(str(folder) for folder in host.folders(MODEL_FOLDER))
    known = ", ".join(_names()) or "none"
    return (
        f"There is no AdaIN model {model!r}. Put the file into {places} and press R to refresh, "
        f"or choose another; found here: {known}"
    )
