"""CUDA graphs: all kernels of a step in one launch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .batches import Batch

Gradients = Callable[[Batch], dict[str, Tensor]]
_WARM_UP = 3


def replay_graph(gradients: Gradients) -> Gradients:
    """Return a function with the same results that replays a CUDA graph.

    For a slim model, launching kernels one by one takes longer than computing them. The first call
    captures the graph. (Not with several processes: a graph cannot exchange gradients.)

    Args:
        gradients: computes losses of a batch and sets the gradients of the parameters. All batches
            must have the same shapes.
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
            # Other threads, which read images, may allocate GPU memory meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                losses = gradients(batch)
        else:
            for buffer, value in zip(inputs, batch.tensors, strict=True):
                buffer.copy_(value)
        graph.replay()
        return {name: value.clone() for name, value in losses.items()}

    return replay
