"""Stylized data sets for training: planned, resumable, on one machine or many.

A plan lists the image, artwork and name of each result. Parts of it are processed by workers:
threads of this process (:mod:`~adain_core.dataset.local`) or actors of a Ray cluster
(:mod:`~adain_core.dataset.cluster`). A result appears under its name only when it is complete, so
missing files are the work that remains.
"""

from .job import Failure, Job, Report
from .local import LocalRunner, Runner
from .plan import PlanOptions, Row
from .preparation import prepare_plan
from .run import Shard, Summary, stylize_dataset

__all__ = [
    "Failure",
    "Job",
    "LocalRunner",
    "PlanOptions",
    "Report",
    "Row",
    "Runner",
    "Shard",
    "Summary",
    "prepare_plan",
    "stylize_dataset",
]
