"""Each example workflow in a real ComfyUI: its results equal the library's."""

from __future__ import annotations

import tempfile
from itertools import compress, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph import WORKFLOWS, Workflow
from host_server import Client

from adain_core.video import VideoReader


def differences(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> tuple[int, float]:
    """The largest difference in steps of 255, and PSNR in dB."""
    difference = np.abs(found.astype(int) - expected.astype(int))
    return int(difference.max()), 20 * np.log10(255 / max(1e-9, np.sqrt((difference**2).mean())))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_equals_the_library(
    path: Path,
    client: Client,
    classes: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workflow = Workflow(path, classes)
    # "auto" is bfloat16 on some CPUs, where one rounding can be a step of 255 more.
    for node in workflow.nodes:
        if "dtype" in node.values:
            node.values["dtype"] = "fp32"
    run = client.run(workflow.prompt())
    assert run.status == "success", run.message
    # Not the nodes that show what they loaded or saved.
    ends = {"PreviewImage", "SaveImage", "SaveAnimatedWEBP", "SaveVideo"}
    shown = [node for node in workflow.nodes if str(node.id) in run.outputs and node.type in ends]
    assert shown
    # Cached results announce no progress; no other test runs these settings.
    assert any(steps[-1][0] == steps[-1][1] for steps in run.progress.values())

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where its videos lie
    expected = workflow.run()
    for node in shown:
        files = run.files(str(node.id))
        if node.type == "SaveVideo":
            (file,) = files
            video = tmp_path / "found.mp4"
            video.write_bytes(client.server.file(file))
            with VideoReader(video) as one, VideoReader(expected.inputs[node.id]["video"]) as other:
                for frame, result in zip(one, other, strict=True):
                    arrays = (f.pixels[0].numpy() for f in (frame, result))
                    # Two generations of H.264: ComfyUI's own of the source has less quality.
                    assert differences(*arrays)[1] > 20
            continue
        found = [result for file in files for result in client.server.images(file)]
        images = list(expected.inputs[node.id]["images"])
        if files[0]["filename"].endswith(".webp"):
            # Which has equal frames, while a style stays, as one that is shown for longer.
            kept = [True, *(not torch.equal(*pair) for pair in pairwise(images))]
            images = list(compress(images, kept))
        assert len(found) == len(images)
        for result, image in zip(found, images, strict=True):
            # As ComfyUI writes files: cut off, not rounded.
            values = (image.numpy() * 255).clip(0, 255).astype(np.uint8)
            assert result.shape == values.shape
            largest, psnr = differences(result, values)
            if files[0]["filename"].endswith(".png"):
                assert largest <= 1
            else:  # compressed with losses
                assert psnr > 27
