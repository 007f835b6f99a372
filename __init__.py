"""AdaIN style transfer as a ComfyUI node pack; the library is the package ``adain_core``.

ComfyUI imports this folder under its full path as the module's name and never puts it on
``sys.path``, so everything below is reached by relative imports.
"""

from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

WEB_DIRECTORY = "./web"

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]
