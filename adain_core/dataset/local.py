"""All cores or GPUs of one machine: threads that stylize, and threads that read and write."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import torch

from ..model import AdaINModel
from ..utils.devices import resolve_device
from .job import Job, Report
from .plan import Part
from .worker import Worker

# Batches per worker, so that one is read and one written while another is stylized.
_IN_HAND = 2
# Threads that feed a GPU: while it computes for one, the other sends its pixels.
_FEEDING = 2

# Names of artworks to encode, or a part of the plan to stylize.
Task = Part | tuple[str, ...]


class Runner(Protocol):
    """Distributes tasks to workers."""

    def run(self, tasks: Iterable[Task]) -> Iterator[Report]:
        """Do tasks, several at once; yield what became of them as it is known."""
        ...

    def close(self) -> None:
        """Release the workers."""
        ...


class LocalRunner:
    """Threads of this process.

    On a CPU each thread uses one core, which suits many small images, and makes results independent
    of the number of threads.

    Args:
        job: the data set.
        plan: its file.
        workers: number of parallel batches; ``None``: one per core, or two per GPU.
    """

    def __init__(self, job: Job, plan: Path, workers: int | None = None) -> None:
        devices = resolve_devices(job.device)
        on_cpu = devices[0].type == "cpu"
        at_once = workers or (torch.get_num_threads() if on_cpu else _FEEDING)
        self._single_threaded = on_cpu
        self._workers = [
            Worker(job, plan, AdaINModel.from_pretrained(job.model, device, job.dtype), at_once)
            for device in devices
        ]
        self._threads_each = _IN_HAND * at_once

    def run(self, tasks: Iterable[Task]) -> Iterator[Report]:
        """Do tasks; yield what became of them as it is known."""
        waiting = iter(tasks)
        lock = threading.Lock()
        stop = threading.Event()
        results: queue.SimpleQueue[Report | BaseException | None] = queue.SimpleQueue()

        def work(worker: Worker) -> None:
            try:
                while not stop.is_set():
                    with lock:
                        task = next(waiting, None)
                    if task is None:
                        break
                    for report in do_task(worker, task):
                        results.put(report)
                        if stop.is_set():
                            break
            except BaseException as error:
                results.put(error)
            finally:
                results.put(None)

        threads = [
            threading.Thread(target=work, args=[worker], daemon=True)
            for worker in self._workers
            for _ in range(self._threads_each)
        ]
        with _one_core_each(self._single_threaded):
            for thread in threads:
                thread.start()
            try:
                running = len(threads)
                while running:
                    result = results.get()
                    if result is None:
                        running -= 1
                    elif isinstance(result, BaseException):
                        raise result
                    else:
                        yield result
            finally:
                stop.set()
                for thread in threads:
                    thread.join()

    def close(self) -> None:
        """Stop the threads."""
        for worker in self._workers:
            worker.close()


def do_task(worker: Worker, task: Task) -> Iterator[Report]:
    """Have a worker do a task."""
    if isinstance(task, Part):
        yield from worker.stylize(task)
    else:
        yield worker.encode(task)


def resolve_devices(device: str) -> list[torch.device]:
    """Return the devices that a name stands for: ``"auto"`` for all GPUs there are.

    Raises:
        ValueError: a device that cannot be used.
    """
    first = resolve_device(device)
    if device == "auto" and first.type == "cuda":
        return [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    return [first]


@contextlib.contextmanager
def _one_core_each(wanted: bool) -> Iterator[None]:
    """Let each thread's operations run on one core."""
    before = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
