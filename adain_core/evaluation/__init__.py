"""How good a model is: its pictures judged by the frozen, normalized VGG-19 and by pixels.

Every painter's pictures of the same content-style pairs get the same judge, so that the figures of
one run compare: a full-width model, a slim one, another program's pictures, the photo untouched,
the artwork itself.
"""

from .checkerboard import checkerboard_share
from .figures import psnr, ssim
from .painters import ArtworkPainter, ModelPainter, Painter, PhotoPainter
from .pairs import Judgement, Pairs, judge_files, judge_painter
from .scenes import Scenes, SceneScore
from .scores import Scores, summarize
from .table import markdown_table

__all__ = [
    "ArtworkPainter",
    "Judgement",
    "ModelPainter",
    "Painter",
    "Pairs",
    "PhotoPainter",
    "SceneScore",
    "Scenes",
    "Scores",
    "checkerboard_share",
    "judge_files",
    "judge_painter",
    "markdown_table",
    "psnr",
    "ssim",
    "summarize",
]
