"""Many machines: Ray Data distributes the parts of a plan to a pool of actors.

Ray handles scheduling, back-pressure and retries. A part that is processed twice, because an actor
or its machine failed, keeps the results that are complete. All machines must see the same files
under the same paths.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import AdaINError, DatasetError
from ..model import AdaINModel
from .job import Failure, Job, Report
from .local import Task, do_task
from .plan import Part, Row
from .worker import Worker

try:
    import ray
    import ray.data
    import ray.exceptions
except ImportError as error:
    raise ImportError(
        "a cluster needs the package ray: install it with: python -m pip install 'ray[data]>=2.60'"
    ) from error

_count_resources: Callable[[], dict[str, float]] = ray.cluster_resources
# Batches per actor, so that one is read or written while another is stylized.
_IN_HAND = 2
# Tasks that travel together: fewer messages, more to do again after a crash.
_TASKS_TOGETHER = 8
# Blocks for each actor at least, so that all end at about the same time.
_ROUNDS = 4


class RayRunner:
    """A pool of actors, one for each core of the cluster, or one for each GPU if it has any.

    Args:
        job: the data set.
        plan: its file.
        address: of the cluster: ``"local"`` starts one on this machine, ``"auto"`` finds the one
            that this machine belongs to, ``"host:port"``.
        workers: actors; ``None``: as many as fit.

    Raises:
        DatasetError: there is no cluster under the address.
    """

    def __init__(self, job: Job, plan: Path, address: str, workers: int | None = None) -> None:
        self._started = not ray.is_initialized()
        if self._started:
            _connect(address)
        resources = _count_resources()
        gpus = int(resources.get("GPU", 0)) if job.device != "cpu" else 0
        self._actors = max(1, workers or gpus or int(resources.get("CPU", 1)))
        self._cpus = None if gpus else 1
        self._gpus = 1 if gpus else None
        # Actors have another working folder.
        self._arguments = (_with_whole_paths(job), plan.absolute())

    def run(self, tasks: Iterable[Task]) -> Iterator[Report]:
        """Do tasks; yield what became of them as it is known."""
        items = [{"task": _task_to_text(task)} for task in tasks]
        if not items:
            return
        together = max(1, min(_TASKS_TOGETHER, len(items) // (_ROUNDS * self._actors)))
        actors = min(self._actors, len(items))
        dataset = ray.data.from_items(
            items, override_num_blocks=-(-len(items) // together)
        ).map_batches(
            _Actor,
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(
                size=actors,
                max_tasks_in_flight_per_actor=_IN_HAND,
                max_concurrent_calls_per_actor=_IN_HAND,
                enable_true_multi_threading=True,
            ),
            fn_constructor_args=self._arguments,
            num_gpus=self._gpus,
            num_cpus=self._cpus,
        )
        try:
            for row in dataset.iter_rows():
                yield _text_to_report(row["report"])
        except ray.exceptions.RayError as error:
            raise DatasetError(f"the cluster gave up: {error}") from error

    def close(self) -> None:
        """Leave the cluster, and stop it if it was started here."""
        if self._started:
            ray.shutdown()


def _connect(address: str) -> None:
    # What goes wrong is raised; the rest is told by a progress bar of our own.
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            include_dashboard=False,
            logging_level=logging.ERROR,
        )
    except SystemExit:  # so Ray ends a program whose cluster does not answer
        raise DatasetError(f"cannot reach a Ray cluster at {address!r}: no answer") from None
    except Exception as error:  # Ray raises plain ones, too
        raise DatasetError(f"cannot reach a Ray cluster at {address!r}: {error}") from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


def _with_whole_paths(job: Job) -> Job:
    paths = {name: getattr(job, name).absolute() for name in ("images", "styles", "output")}
    model = job.model
    if model is not None and Path(model).is_file():
        model = Path(model).absolute()
    return replace(job, model=model, **paths)


class _Actor:
    """A Ray actor: a model and its worker."""

    def __init__(self, job: Job, plan: Path) -> None:
        model = AdaINModel.from_pretrained(job.model, job.device, job.dtype)
        if model.device.type == "cpu":
            torch.set_num_threads(1)  # the same bits whatever the number of cores
        self._worker = Worker(job, plan, model)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        reports: list[str] = []
        try:
            for text in batch["task"]:
                reports += map(_report_to_text, do_task(self._worker, _text_to_task(str(text))))
        except AdaINError as error:  # raised here, its words would drown in Ray's own
            reports.append(json.dumps({"error": str(error)}))
        return {"report": reports}


# What travels is text: rows of a Ray data set hold plain values.


def _task_to_text(task: Task) -> str:
    return json.dumps(asdict(task) if isinstance(task, Part) else list(task))


def _text_to_task(text: str) -> Task:
    value = json.loads(text)
    return Part(**value) if isinstance(value, dict) else tuple(value)


def _report_to_text(report: Report) -> str:
    return json.dumps(asdict(report))


def _text_to_report(text: str) -> Report:
    value = json.loads(text)
    if "error" in value:
        raise DatasetError(value["error"])
    failures = tuple(Failure(Row(**each["row"]), each["reason"]) for each in value["failures"])
    return Report(value["done"], value["stylized"], failures)
