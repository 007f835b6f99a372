"""The nodes, by the ids that workflows hold. An id that has landed is never renamed."""

from __future__ import annotations

from . import host
from .blend import AdaINBlend
from .color import AdaINColorPreserve
from .decode import AdaINDecode
from .encode import AdaINEncodeContent, AdaINEncodeStyle
from .keyframes import AdaINAlphaKeyframes
from .library import MODEL_FOLDER, STYLE_FOLDER, STYLES
from .loading import AdaINModelLoader
from .masked import AdaINMasked
from .refine import AdaINRefine
from .samples import AdaINSampleImage
from .styles import AdaINLoadStyle, AdaINSaveStyle
from .stylize import AdaINStylize
from .video import AdaINStylizeVideo

host.register_folder(MODEL_FOLDER)
host.register_folder(STYLE_FOLDER, STYLES.shipped_folder)

NODE_CLASS_MAPPINGS = {
    "AdaINModelLoader": AdaINModelLoader,
    "AdaINStylize": AdaINStylize,
    "AdaINStylizeVideo": AdaINStylizeVideo,
    "AdaINEncodeContent": AdaINEncodeContent,
    "AdaINEncodeStyle": AdaINEncodeStyle,
    "AdaINBlend": AdaINBlend,
    "AdaINMasked": AdaINMasked,
    "AdaINDecode": AdaINDecode,
    "AdaINAlphaKeyframes": AdaINAlphaKeyframes,
    "AdaINColorPreserve": AdaINColorPreserve,
    "AdaINSaveStyle": AdaINSaveStyle,
    "AdaINLoadStyle": AdaINLoadStyle,
    "AdaINSampleImage": AdaINSampleImage,
    "AdaINRefine": AdaINRefine,
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "AdaINModelLoader": "Load AdaIN Model",
    "AdaINStylize": "Style Transfer (AdaIN)",
    "AdaINStylizeVideo": "Style Transfer Video (AdaIN)",
    "AdaINEncodeContent": "AdaIN Encode Content",
    "AdaINEncodeStyle": "AdaIN Encode Style",
    "AdaINBlend": "AdaIN Blend",
    "AdaINMasked": "Masked AdaIN",
    "AdaINDecode": "AdaIN Decode",
    "AdaINAlphaKeyframes": "AdaIN Alpha Keyframes",
    "AdaINColorPreserve": "AdaIN Color Preserve",
    "AdaINSaveStyle": "Save AdaIN Style",
    "AdaINLoadStyle": "Load AdaIN Style",
    "AdaINSampleImage": "Load AdaIN Sample Image",
    "AdaINRefine": "AdaIN Refine",
}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
