"""Model files: finding, reading and writing them; converting and downloading published ones."""

from .model_files import (
    ModelInfo,
    available_models,
    cache_folder,
    find_model,
    fingerprint,
    load_info,
    load_model,
    load_state,
    save_model,
    shipped_folder,
)

__all__ = [
    "ModelInfo",
    "available_models",
    "cache_folder",
    "find_model",
    "fingerprint",
    "load_info",
    "load_model",
    "load_state",
    "save_model",
    "shipped_folder",
]
