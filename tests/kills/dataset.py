"""Kill ``adain dataset`` again and again, and check what is left each time.

``python -m tests.kills.dataset --kills 100`` kills ``adain dataset`` with SIGKILL at
random moments, on folders and on tar shards; with ``--ray`` it works on a local Ray cluster that
outlives it. ``--workers`` kills actors and restarts a node of a cluster instead.

After every kill each result must be as an uninterrupted run makes it, byte for byte, and what was
there before must not have been touched. In the end nothing may be missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from .killer import kill

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "class1/broken.png"
# Attempts to start a part of Ray.
_STARTS = 4


@dataclass
class Trial:
    """Trees to stylize, the command that does it, and how it should end.

    Attributes:
        folder: that holds all.
        options: of the command.
        count: of images.
        expected: contents of an uninterrupted run's results.
    """

    folder: Path
    options: list[str]
    count: int
    expected: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        generator = np.random.default_rng(0)
        for number in range(self.count):
            name = f"images/class{number % 3}/{number}"
            size = (48, 64) if number % 4 else (40, 56)
            self._write(f"{name}.png", generator.integers(0, 256, (*size, 3), dtype=np.uint8))
            (self.folder / f"{name}.txt").write_text(str(number))
        for number in range(6):
            pixels = generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            self._write(f"art/{number}.png", pixels)
        (self.folder / "images" / BROKEN).write_bytes(b"no image")

    def _write(self, name: str, pixels: np.ndarray) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(pixels).save(path)

    def command(self, output: str) -> list[str]:
        trees = [self.folder / "images", "--styles", self.folder / "art"]
        words = [sys.executable, "-m", "adain_core", "dataset", *map(str, trees)]
        words += ["-o", str(self.folder / output), "--others", "copy", "--json"]
        return [*words, *self.options]

    def start(self, output: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled"}
        with (self.folder / "log").open("wb") as log:
            # A group of its own, so that all of it can be killed.
            return subprocess.Popen(
                self.command(output),
                cwd=ROOT,
                env=environment,
                start_new_session=True,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    @contextmanager
    def run(self, output: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start the command; it is ended when the block is left."""
        process = self.start(output)
        try:
            yield process
        finally:
            if process.poll() is None:
                kill(process.pid)
                process.wait()

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the command's own end, which counts the one broken image.

        The exit code is that of an error, too: the summary tells them apart.
        """
        summary, _ = process.communicate()
        log = (self.folder / "log").read_text(errors="replace")
        ended = f"the command ended with {process.returncode}, {summary!r} and {log[-2000:]!r}"
        assert process.returncode == 1 and summary, ended
        assert json.loads(summary)["failed"] == 1, ended

    def results(self, output: str) -> dict[str, bytes]:
        """Return all files that have their names, but for the records."""
        found = {}
        for path in (self.folder / output).rglob("*"):
            name = path.relative_to(self.folder / output).as_posix()
            if not name.startswith((".adain", "adain-")):
                with suppress(IsADirectoryError, FileNotFoundError):
                    found[name] = path.read_bytes()
        return found

    def check(self, output: str, complete: bool = False) -> None:
        """Raise ``AssertionError`` unless all is as an uninterrupted run makes it."""
        found = self.results(output)
        wrong = [name for name in found if found[name] != self.expected.get(name)]
        assert not wrong, f"half written, foreign or different: {wrong}"
        missing = self.expected.keys() - found.keys()
        assert not (complete and missing), f"missing: {sorted(missing)}"
        assert not (complete and (self.folder / output / ".adain").exists()), "leftovers"


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what tells each result from one that was written again."""
    found = [path for kind in ("png", "tar") for path in folder.rglob(f"*.{kind}")]
    status = {str(path): path.stat() for path in found if ".adain" not in path.parts}
    return {name: (each.st_ino, each.st_mtime_ns) for name, each in status.items()}


def progress(folder: Path) -> int:
    """Return how many bytes of results there are, unfinished archives included."""
    total = 0
    for path in folder.rglob("*"):
        unfinished = ".adain" in path.parts and "archives" not in path.parts
        if path.is_file() and not unfinished and not path.name.startswith("adain-"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
    return total


def kill_drivers(trial: Trial, kills: int, seed: int = 0) -> dict[str, int]:
    """Kill the command until it was killed so often; return how often and when."""
    chance = random.Random(seed)
    trial.finish(trial.start("expected"))
    trial.expected = trial.results("expected")
    count = {"kills": 0, "kills amid results": 0, "data sets completed": 0}
    while True:
        output = f"run{count['data sets completed']}"
        before: dict[str, tuple[int, int]] = {}
        while (killed := _kill_once(trial, output, chance, count)) and count["kills"] < kills:
            after = identities(trial.folder / output)
            assert before.items() <= after.items(), "what was whole was written again"
            before = after
        if killed:
            trial.finish(trial.start(output))
        trial.check(output, complete=True)
        count["data sets completed"] += 1
        if killed:
            return count


def _kill_once(trial: Trial, output: str, chance: random.Random, count: dict[str, int]) -> bool:
    """Start the command and kill it at some moment; return whether it was still running."""
    folder = trial.folder / output
    there = progress(folder)
    process = trial.start(output)
    deadline = time.monotonic() + chance.choice([chance.uniform(0, 4), 120])
    while process.poll() is None and time.monotonic() < deadline:
        if progress(folder) > there:
            time.sleep(chance.uniform(0, 0.6))
            break
        time.sleep(0.02)
    running = process.poll() is None
    if running:
        kill(process.pid)
        process.wait()
        count["kills"] += 1
        count["kills amid results"] += progress(folder) > there
        trial.check(output)
    else:
        trial.finish(process)
    return running


def start_patiently(start: Callable[[], Any], clean: Callable[[], Any] = lambda: None) -> Any:
    """Start a part of Ray, again where a busy machine takes longer than its 30 seconds.

    Args:
        start: starts it.
        clean: removes what an attempt has left.
    """
    for _ in range(_STARTS - 1):
        try:
            return start()
        except Exception as error:  # Ray raises a plain one
            if "timed out" not in str(error):
                raise
            clean()
    return start()


@contextmanager
def cluster(nodes: int) -> Iterator[Any]:
    """A Ray cluster on this machine whose nodes have one core each."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 * 2**20}
    made = Cluster()

    def add_node(cpus: int = 1) -> Any:
        return start_patiently(lambda: made.add_node(num_cpus=cpus, **small))

    try:
        add_node(cpus=0)
        made.nodes_of_work = [add_node() for _ in range(nodes)]
        made.new_node = add_node
        yield made
    finally:
        made.shutdown()


def kill_workers(trial: Trial) -> dict[str, int]:
    """Kill an actor, then a whole node, which comes back; return when."""
    trial.finish(trial.start("expected"))
    trial.expected = trial.results("expected")
    with cluster(nodes=2) as made:
        trial.options += ["--ray", made.address]
        with trial.run("out") as process:
            killed_at = _kill_an_actor_and_a_node(trial, made, process)
            trial.finish(process)
    trial.check("out", complete=True)
    return killed_at


def _kill_an_actor_and_a_node(
    trial: Trial, made: Any, process: subprocess.Popen[bytes]
) -> dict[str, int]:
    import psutil

    amount = len(trial.expected)

    def wait_for(share: float) -> int:
        while (there := len(trial.results("out"))) < share * amount:
            if process.poll() is not None:
                trial.finish(process)
                raise AssertionError("it ended before anything was killed")
            time.sleep(0.05)
        return there

    killed_at = {"results at the actor's kill": wait_for(0.15)}
    actors = [each for each in psutil.process_iter(["cmdline"]) if _is_actor(each)]
    assert len(actors) == 2
    actors[0].kill()
    killed_at["results at the node's kill"] = wait_for(0.4)
    made.remove_node(made.nodes_of_work[0], allow_graceful=False)
    made.new_node()
    return killed_at


def _is_actor(process: Any) -> bool:
    return any("MapWorker" in word for word in process.info["cmdline"] or [])


def main() -> None:
    """Read the arguments, kill, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="of each kind (default: 100)")
    parser.add_argument("--ray", action="store_true", help="work on a Ray cluster")
    parser.add_argument("--workers", action="store_true", help="kill an actor and a node instead")
    parser.add_argument("--images", type=int, default=600, help="(default: 600)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    arguments = parser.parse_args()
    for tar in ([], ["--tar", "50"]):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(
                Path(folder), ["--dtype", "fp32", "--workers", "2", *tar], arguments.images
            )
            if arguments.workers:
                count = kill_workers(trial)
            elif arguments.ray:
                with cluster(nodes=2) as made:
                    trial.options += ["--ray", made.address]
                    count = kill_drivers(trial, arguments.kills, arguments.seed)
            else:
                count = kill_drivers(trial, arguments.kills, arguments.seed)
        kind = "tar shards" if tar else "files"
        print(f"{kind}: {count}, all whole, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
