"""Commands started, killed, and what they leave compared with what they write undisturbed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import av
import PIL.Image
import torch
from safetensors import safe_open
from safetensors.torch import load

from .commands import Command, lay_out, start_anew

# Each run is forked from a process that has imported what takes long.
_CONTEXT = multiprocessing.get_context("forkserver" if os.name != "nt" else "spawn")
_IMPORTS = ("torch", "av", "adain_core.cli.run_stylize", "adain_core.video")
_LONGEST = 600


def start(words: list[str], folder: Path) -> BaseProcess:
    """Start the command line in a folder, as the first of a group of processes."""
    _CONTEXT.set_forkserver_preload(list(_IMPORTS))
    process = _CONTEXT.Process(target=_run, args=(words, folder))
    process.start()
    return process


def _run(words: list[str], folder: Path) -> None:
    os.setsid()
    os.chdir(folder)
    torch.set_num_threads(1)
    from adain_core.cli import main

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        sys.exit(main(words))


def kill(process_id: int) -> None:
    """Kill a process and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process_id, signal.SIGKILL)


class Trial:
    """A command that is killed again and again.

    Args:
        command: the command.
        folder: to work in.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        self._command, self._folder, self._template = command, folder / "work", folder / "template"
        self._template.mkdir(parents=True)
        lay_out(self._template, command)
        start_anew(self._folder, self._template)
        self._finish()  # the first has to import
        started = time.monotonic()
        start_anew(self._folder, self._template)
        self._finish()
        self.seconds = time.monotonic() - started
        self._whole = self._signatures()
        assert self._whole, "it writes nothing"

    def run(self, kills: int, seed: int = 0) -> dict[str, int]:
        """Kill it so often, and let it come to its end; return how often that was amid results.

        Raises:
            AssertionError: something is half written, lost, or missing in the end.
        """
        chance = random.Random(seed)
        count = {"kills": 0, "with results": 0, "completed": 0}
        start_anew(self._folder, self._template)
        while count["kills"] < kills:
            process = start(self._command.line(self._folder), self._folder)
            process.join(chance.uniform(0, 1.1 * self.seconds))
            if process.exitcode is not None:
                self._end(process)
                count["completed"] += 1
                start_anew(self._folder, self._template)
                continue
            kill(process.pid)
            process.join()
            count["kills"] += 1
            count["with results"] += self._check()
        self._finish()
        self._end(None)
        return count

    def _finish(self) -> None:
        process = start(self._command.line(self._folder), self._folder)
        process.join(_LONGEST)
        assert process.exitcode == 0, f"{self._command.words}: it ended with {process.exitcode}"

    def _end(self, process: BaseProcess | None) -> None:
        """Check what a run that was not killed leaves."""
        assert process is None or process.exitcode == 0, f"it ended with {process.exitcode}"
        assert self._signatures() == self._whole
        left = [path.name for path in self._folder.rglob("*") if ".partial" in path.name]
        assert not left, f"left over: {left}"

    def _check(self) -> bool:
        """Check what a killed run leaves; return whether results are among it."""
        found = self._signatures()
        for name, signature in found.items():
            if signature != b"older" or name not in self._command.older:
                assert signature == self._whole.get(name), f"{name} is another one"
        lost = [name for name in self._command.older if name not in found]
        assert not lost, f"older results are lost: {lost}"
        return any(signature != b"older" for signature in found.values())

    def _signatures(self) -> dict[str, object]:
        """Return what each result's content is, as far as it is the same in every run."""
        files = {path for path in self._command.files(self._folder) if path.name[0] != "."}
        return {str(path.relative_to(self._folder)): _signature(path) for path in sorted(files)}


def _signature(path: Path) -> object:
    """Return what tells a file's content, read to its end; damaged ones cannot be read."""
    content = path.read_bytes()
    if content == b"older":
        return content
    if path.suffix in (".png", ".jpg"):
        with PIL.Image.open(path) as image:
            return image.size, hash(image.convert("RGB").tobytes())
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            metadata = sorted(file.metadata().items())  # which have no order of their own
        return metadata, {name: each.double().sum().item() for name, each in load(content).items()}
    if path.suffix in (".mp4", ".mkv"):
        with av.open(str(path)) as container:
            return [frame.pts for frame in container.decode(video=0)]
    if path.suffix == ".pt":
        return sorted(torch.load(path, weights_only=True))
    return len(content.splitlines())
