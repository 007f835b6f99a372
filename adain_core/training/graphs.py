"""CUDA graphs: a step's kernels, launched at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .pools import Pool

Gradients = Callable[[Pool, Tensor], dict[str, Tensor]]
_WARM_UP = 3


def graphed(gradients: Gradients) -> Gradients:
    """The same function, that launches its kernels one by one in its first call only.

    Launching the kernels of a slim model takes a CPU longer than computing them takes a GPU: a
    step of adain-slim (16 pairs of 256 pixels) took 56 ms on an H100, which computed for 27 of
    them, and 34 ms with the graph. (Not with several processes: their exchange of gradients is no
    part of a graph.)

    Args:
        gradients: from a batch and its alphas ``(B, 1)`` to losses; sets the gradients of the
            parameters anew. All batches have the shapes of the first.
    """
    graph: torch.cuda.CUDAGraph | None = None
    inputs: list[Tensor] = []
    losses: dict[str, Tensor] = {}

    def replay(batch: Pool, alpha: Tensor) -> dict[str, Tensor]:
        nonlocal graph, inputs, losses
        if graph is None:
            inputs = [*batch.tensors, alpha]
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UP):  # libraries choose and load their kernels
                    gradients(batch, alpha)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads, that read images, go on asking the GPU for memory meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                losses = gradients(batch, alpha)
        else:
            for buffer, value in zip(inputs, [*batch.tensors, alpha], strict=True):
                buffer.copy_(value)
        graph.replay()
        return {name: value.clone() for name, value in losses.items()}

    return replay
