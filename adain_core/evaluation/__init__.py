"""Metrics of models: losses of the frozen, normalized VGG-19, and metrics on pixels.

Painters (models, results of other programs, the unchanged photo, the artwork itself) get the same
content-style pairs, and the same network evaluates their images, so that the scores of one run are
comparable.
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
