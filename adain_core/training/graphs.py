"""CUDA graphs: a step's kernels, launched at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .batches import Batch

Gradients = Callable[[Batch], dict[str, Tensor]]
_WARM_UP = 3


def replay_graph(gradients: Gradients) -> Gradients:
    """Return a function with the same results that launches its kernels at once.

    Launching a slim model's kernels one by one takes a CPU longer than computing them takes a GPU.
    The first call captures them in a CUDA graph. (Not with several processes: their exchange of
    gradients is no part of a graph.)

    Args:
        gradients: from a batch to losses; sets the gradients of the parameters anew. All batches
            have the shapes of the first.
    """
    graph: torch.cuda.CUDAGraph | None = None
    inputs: list[Tensor] = []
    losses: dict[str, Tensor] = {}

    def replay(batch: Batch) -> dict[str, Tensor]:
        nonlocal graph, inputs, losses
        if graph is None:
            inputs = batch.tensors
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UP):  # libraries choose and load their kernels
                    gradients(batch)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads, that read images, go on asking the GPU for memory meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                losses = gradients(batch)
        else:
            for buffer, value in zip(inputs, batch.tensors, strict=True):
                buffer.copy_(value)
        graph.replay()
        return {name: value.clone() for name, value in losses.items()}

    return replay
