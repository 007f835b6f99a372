"""Make the thumbnails of the example workflows from their results.

``python tools/images/workflows.py`` runs every workflow at full size, one to four minutes
on two slow cores. Run it again when the weights or a workflow change.
"""

from __future__ import annotations

import os
import sys
import tempfile

import torch
from panels import ROOT, crop
from torch import Tensor

from adain_core import load_image, save_image
from adain_core.images.sheets import GAP, LABEL, add_label, join_rows
from adain_core.pixels import as_float
from adain_core.video import VideoReader

sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(ROOT / "tests" / "nodes"))
from graph import WORKFLOWS, Run, Workflow
from node_texts import load_pack

# Left: the inputs of the workflow, one above the other. Right: its results.
WIDTH, HEIGHT, LEFT = 600, 344, 144
RIGHT = WIDTH - LEFT - GAP
# Frames of the workflow with two videos, and of those with one.
FRAMES = (0, 8, 16)
ANIMATED = {"09 Style fade": (0, 4, 8, 15, 21, 28), "10 Video": (0, 4, 8, 12, 16, 20)}


def tiles(images: list[Tensor], columns: int, labels: list[str], size: tuple[int, int]) -> Tensor:
    """Return images in rows and columns that fill ``size``, with labels if there are any."""
    rows = -(-len(images) // columns)
    height = (size[0] + GAP) // rows - GAP - (LABEL if labels else 0)
    width = (size[1] + GAP) // columns - GAP
    cropped = [crop(image, height, width) for image in images]
    if labels:
        cropped = [add_label(c, text) for c, text in zip(cropped, labels, strict=True)]
    sheet = join_rows([cropped[n : n + columns] for n in range(0, len(cropped), columns)])
    # The rest of the division.
    missing = (0, size[1] - sheet.shape[3], 0, size[0] - sheet.shape[2])
    return torch.nn.functional.pad(sheet, missing, value=1.0)


def loaded(workflow: Workflow, run: Run) -> list[Tensor]:
    """Return the images that a workflow loads, and the artworks of its styles."""
    samples = workflow.find("AdaINSampleImage") + workflow.find("LoadImage")
    images = [run.outputs[node.id][0][:1].movedim(-1, 1) for node in samples]
    names = [node.values["style"] for node in workflow.find("AdaINLoadStyle")]
    folder = ROOT / "samples" / "style"
    return images + [load_image((folder / name).with_suffix(".jpg")) for name in names]


def thumbnail(workflow: Workflow, run: Run) -> Tensor:
    """Return the inputs and results of a workflow as one image, ``(1, 3, HEIGHT, WIDTH)``."""
    outputs = workflow.find("SaveImage") + workflow.find("SaveAnimatedWEBP")
    shown = [run.inputs[node.id]["images"].movedim(-1, 1) for node in outputs]
    for node in workflow.find("SaveVideo"):
        with VideoReader(run.inputs[node.id]["video"]) as reader:
            shown.append(torch.cat([as_float(frame.pixels) for frame in reader]))
    columns, labels, name = 1, [], workflow.path.stem
    if name == "02 Strength":
        columns, shown = 2, list(shown[0].split(1))
        labels = [f"strength {alpha}" for alpha in ("0.25", "0.5", "0.75", "1")]
    elif name == "05 Keep the colors":
        shown = [loaded(workflow, run)[0], *shown]
        columns, labels = 2, ["photo", "coral", "luminance", "artwork's colors"]
    elif name == "07 Video frames":
        modes = [node.values["temporal"] for node in workflow.find("AdaINStylize")]
        labels = [f"{mode}: {number + 1}" for mode in modes for number in FRAMES]
        columns, shown = len(FRAMES), [v[n : n + 1] for v in shown for n in FRAMES]
    elif numbers := ANIMATED.get(name):
        columns, labels = 3, [f"frame {number}" for number in numbers]
        shown = [shown[0][n : n + 1] for n in numbers]
    elif name == "08 Big photo":
        height, width = shown[0].shape[2:]
        top, left = 2 * height // 5, 2 * width // 5
        shown += [shown[0][:, :, top : top + HEIGHT // 2, left : left + RIGHT]]
        labels = [f"{width} x {height} pixels", "a part of it, not resized"]
    elif name == "11 Coarse to fine":
        labels = ["fine", "coarse"]
    right = tiles(shown, columns, labels, (HEIGHT, RIGHT))
    return join_rows([[tiles(loaded(workflow, run)[:3], 1, [], (HEIGHT, LEFT)), right]])


def main() -> None:
    """Write all thumbnails, or those of the workflows named as arguments."""
    nodes = load_pack().NODE_CLASS_MAPPINGS
    with tempfile.TemporaryDirectory() as folder:
        # The folder of saved styles and videos.
        os.environ["ADAIN_CACHE"] = tempfile.tempdir = folder
        for path in WORKFLOWS:
            if sys.argv[1:] and path.stem not in sys.argv[1:]:
                continue
            workflow = Workflow(path, nodes)
            image = thumbnail(workflow, workflow.run())
            save_image(path.with_suffix(".jpg"), image, overwrite=True, quality=72)


if __name__ == "__main__":
    main()
