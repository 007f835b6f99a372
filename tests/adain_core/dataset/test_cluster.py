"""Data sets on a Ray cluster of this machine: slow, and only where ray is installed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from data_set import DataSet, read_lines
from kills.dataset import Trial, kill_workers, start_patiently

from adain_core.dataset import PlanOptions, stylize_dataset
from adain_core.errors import DatasetError

pytest.importorskip("ray", reason="needs the package ray")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="class")
def _cluster() -> Iterator[None]:
    """A cluster with four cores by name, to start actors in."""
    ray = importlib.import_module("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        init = partial(
            ray.init,
            address="local",
            num_cpus=4,
            object_store_memory=80 * 2**20,
            log_to_driver=False,
            include_dashboard=False,
        )
        start_patiently(init, clean=ray.shutdown)
        yield
        ray.shutdown()


@pytest.mark.usefixtures("_cluster")
class TestActors:
    """What actors of one cluster do."""

    def test_the_same_bits_by_any_number_of_actors(self, data: DataSet) -> None:
        from adain_core.dataset.cluster import RayRunner

        data.write("images/cats/broken.png", b"no image")
        data.write("images/cats/1.txt", b"a label")
        plan = PlanOptions(per_image=3, alpha=(0.5, 1))
        summary = data.stylize(data.job("local", plan, others="copy"))
        expected = data.files("local")
        for actors in (1, 2, 4):
            output = f"by{actors}"
            runner = partial(RayRunner, address="local", workers=actors)
            job = data.job(output, plan, others="copy")
            result = stylize_dataset(job, runner=runner)
            assert (result.rows, result.stylized, result.failed) == (21, 18, 3)
            assert (summary.rows, summary.stylized, summary.failed) == (21, 18, 3)
            assert data.files(output) == expected
            failed = [read_lines(data / name / "adain-failed.jsonl") for name in ("local", output)]
            assert sorted(row["output"] for row in failed[0]) == sorted(
                row["output"] for row in failed[1]
            )

    def test_archives(self, data: DataSet) -> None:
        from adain_core.dataset.cluster import RayRunner

        plan = PlanOptions(shard_size=2)
        data.stylize(data.job("local", plan))
        runner = partial(RayRunner, address="local", workers=2)
        stylize_dataset(data.job("cluster", plan), runner=runner)
        assert data.files("cluster") == data.files("local")

    def test_a_result_that_cannot_be_written_ends_the_run(self, data: DataSet) -> None:
        from adain_core.dataset.cluster import RayRunner

        data.write("out/cats", b"a file where a folder belongs")
        runner = partial(RayRunner, address="local", workers=1)
        with pytest.raises(DatasetError, match=r"cannot write .*out/cats/\d\.png: Not a directory"):
            stylize_dataset(data.job(), runner=runner)


def test_an_actor_and_a_node_die(tmp_path: Path) -> None:
    """Each is killed amid the work, the node comes back; nothing is lost, doubled or half."""
    killed = kill_workers(Trial(tmp_path, ["--dtype", "fp32", "--batch-size", "8"], 400))
    assert killed["results at the actor's kill"] < killed["results at the node's kill"]


def test_no_cluster(data: DataSet) -> None:
    from adain_core.dataset.cluster import RayRunner

    runner = partial(RayRunner, address="127.0.0.1:1")
    with pytest.raises(DatasetError, match=r"cannot reach a Ray cluster at '127\.0\.0\.1:1'"):
        stylize_dataset(data.job(), runner=runner)
