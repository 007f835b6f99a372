"""Data sets drawn in many styles, for training: planned, resumable, on one machine or many.

A plan says for each result which image becomes what in which artwork. Parts of it go to workers:
threads of this process (:mod:`~adain_core.dataset.local`) or actors of a Ray cluster
(:mod:`~adain_core.dataset.cluster`). A result appears whole under its name, so that what is missing
is what is left to do.
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
