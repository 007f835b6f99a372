"""Load AdaIN Model."""

from __future__ import annotations

from typing import Any

from . import host
from .inputs import CATEGORY
from .library import MODEL_FOLDER, MODELS, load_model


class AdaINModelLoader:
    """An encoder and its decoder from a file."""

    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Loads an AdaIN model: an encoder and the decoder trained for it. The pack includes "
        f"one, adain-slim; put other .safetensors files into ComfyUI's models/{MODEL_FOLDER} "
        "folder."
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
                    MODELS.names(),
                    {
                        "tooltip": "The model file: the bundled one first, then those in "
                        f"ComfyUI's models/{MODEL_FOLDER}. Of two files with the same name, "
                        "yours is used. Styles only fit the model that encoded them."
                    },
                ),
                "dtype": (
                    ["auto", "fp32", "bf16", "fp16"],
                    {
                        "default": "auto",
                        "tooltip": "Precision. auto chooses for your device: half precision on "
                        "most GPUs, as ComfyUI does; on a CPU, bf16 if it is supported "
                        "natively, else fp32. The results hardly differ.",
                    },
                ),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, model: str | None) -> bool | str:
        return MODELS.check(model)

    @classmethod
    def IS_CHANGED(cls, model: str | None, dtype: str | None = None) -> str:
        return "" if model is None else host.file_hash(MODELS.find(model))

    def load(self, model: str, dtype: str) -> tuple[host.ManagedModel]:
        """Run the node."""
        return (load_model(model, dtype),)
