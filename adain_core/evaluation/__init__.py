"""Metrics of models: losses of the frozen, normalized VGG-19, and metrics on pixels.

All candidates (models, results of other programs, the unchanged photo, the artwork itself) get the
same content-style pairs, and the same loss network evaluates their images, so that the scores of
one run are comparable.
"""

from .candidates import ArtworkBaseline, Candidate, ModelCandidate, PhotoBaseline
from .checkerboard import checkerboard_share
from .metrics import psnr, ssim
from .pairs import Pairs, ScoredImage, evaluate_candidate, evaluate_files
from .scenes import Scenes, SceneScore
from .scores import Scores, summarize
from .table import markdown_table

__all__ = [
    "ArtworkBaseline",
    "Candidate",
    "ModelCandidate",
    "Pairs",
    "PhotoBaseline",
    "SceneScore",
    "Scenes",
    "ScoredImage",
    "Scores",
    "checkerboard_share",
    "evaluate_candidate",
    "evaluate_files",
    "markdown_table",
    "psnr",
    "ssim",
    "summarize",
]
