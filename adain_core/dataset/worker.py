"""``Worker``: read, stylize and write a part of a plan."""

from __future__ import annotations

import contextlib
import itertools
import queue
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..choices import SINGLE_PASS
from ..errors import AdaINError, ImageFileError, reason
from ..images import ImageFile, encode_image_file
from ..model import AdaINModel
from ..options import StylizeOptions
from ..style import Style, require_same_encoder
from ..stylizer import Stylizer
from ..utils.devices import is_out_of_memory
from .archives import split_archive
from .job import STYLE_SUFFIX, STYLES, Failure, Job, Report
from .plan import Part, Row, read_rows
from .results import Companion, Results, Sink, Staged
from .style_table import StyleTable, write_table

# Pixels per batch on a CPU: four images of 256x256 stay in the cache, which is a tenth faster.
_CPU_PIXELS = 2**18
# On a GPU: enough to hide the launches of kernels.
_GPU_PIXELS = 2**22
# Images read ahead of the network, and threads that read and write beside it.
_CPU_AHEAD, _GPU_AHEAD = 2, 16


class _Item(NamedTuple):
    """An image in progress.

    Attributes:
        row: its row of the plan.
        image: its pixels, profile and EXIF.
        style: of its artwork.
    """

    row: Row
    image: ImageFile
    style: Style


class Worker:
    """Processes parts of a plan; methods may be called from several threads.

    Args:
        job: the data set.
        plan: file of the plan.
        model: the model.
        at_once: number of threads that may use the model; the others read and write meanwhile.
    """

    def __init__(self, job: Job, plan: Path, model: AdaINModel, at_once: int = 1) -> None:
        self.job, self.plan, self.model = job, plan, model
        self._images, self._artworks = job.open_images(), job.open_styles()
        self._results = Results(job.output)
        self._table: StyleTable | None = None
        on_cpu = model.device.type == "cpu"
        self._pixels = _CPU_PIXELS if on_cpu else _GPU_PIXELS
        self._ahead = _CPU_AHEAD if on_cpu else _GPU_AHEAD
        self._files = ThreadPoolExecutor(self._ahead * at_once, "files")
        self._turns: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(at_once):
            self._turns.put(None)

    def close(self) -> None:
        """Stop the threads that read and write."""
        self._files.shutdown(cancel_futures=True)

    # -- artworks -------------------------------------------------------------------------------

    def encode(self, artworks: Sequence[str]) -> Report:
        """Encode artworks into a table of their own."""
        styles: dict[str, Style] = {}
        failures: dict[str, str] = {}
        for name in artworks:
            try:
                styles[name] = self._encode(name)
            except ImageFileError as error:
                failures[name] = str(error)
        write_table(
            self._results.work / "styles" / f"{uuid.uuid4().hex}{STYLE_SUFFIX}",
            styles,
            failures,
            self.model.fingerprint,
        )
        return Report(len(artworks), len(styles))

    def _encode(self, name: str) -> Style:
        path = self._artworks.root / name
        try:
            if name.endswith(STYLE_SUFFIX) and not split_archive(name)[0]:
                style = Style.load(path)
                require_same_encoder(self.model, style)
                return style
            artwork = self._artworks.load(name)
            with self._turn():
                return self.model.encode_style(
                    artwork,
                    size=self.job.style_size,
                    closeup=self.job.stroke_size != SINGLE_PASS,
                )
        except ImageFileError:
            raise
        except (AdaINError, ValueError, RuntimeError, MemoryError) as error:
            if isinstance(error, RuntimeError | MemoryError) and not is_out_of_memory(error):
                raise
            raise ImageFileError(f"{path}: {error}") from None

    # -- images ---------------------------------------------------------------------------------

    def stylize(self, part: Part) -> Iterator[Report]:
        """Stylize the missing images of a part, from its first row on; yield a report per batch.

        Raises:
            AdaINError: a result that cannot be written, such as on a full disk.
        """
        rows = read_rows(self.plan, part)
        sink = self._results.open(part, rows)
        with contextlib.closing(sink):
            for start in range(0, len(rows), self.job.batch_size):
                batch = rows[start : start + self.job.batch_size]
                own = batch[max(part.first - start, 0) : max(part.end - start, 0)]
                yield self._stylize_batch(batch, own, sink)
            sink.finish()

    def _stylize_batch(self, batch: Sequence[Row], own: Sequence[Row], sink: Sink) -> Report:
        missing = [row for row in own if not sink.has(row)]
        progress = _Progress(missing)
        written = 0
        for group in self._groups(self._read_batch(batch, progress)):
            if not any(progress.awaits(item.row) for item in group):
                continue
            for item, pixels in zip(group, self._stylize_group(group, progress), strict=False):
                if progress.awaits(item.row):
                    image = replace(item.image, pixels=pixels[None])
                    progress.encoding[item.row] = self._files.submit(
                        self._encode_image, item.row, image, sink
                    )
            written += self._write(progress.take_ready(), progress, sink)
        written += self._write(progress.take_all(), progress, sink)
        return Report(len(own), written, tuple(progress.failures))

    def _read_batch(self, batch: Sequence[Row], progress: _Progress) -> Iterator[_Item]:
        """Yield the whole batch, unless none of its missing images can be read.

        The last bits of a result depend on its batch, so after an interruption the same images
        are processed together.
        """
        missing = progress.rows
        if len(missing) < len(batch):
            unread = _Progress(missing)
            if not any(True for _ in self._read(missing, unread)):
                progress.failures += unread.failures
                return
        yield from self._read(batch, progress)

    def _write(
        self, ready: Iterator[tuple[Row, Future[Staged]]], progress: _Progress, sink: Sink
    ) -> int:
        written = 0
        for row, encoding in ready:
            try:
                staged, companions = encoding.result(), self._companions(row)
            except ImageFileError as error:
                progress.fail(row, str(error))
                continue
            sink.add(row, staged, companions)
            written += 1
        return written

    def _encode_image(self, row: Row, image: ImageFile, sink: Sink) -> Staged:
        return sink.stage(encode_image_file(row.output, image, quality=self.job.quality))

    def _read(self, rows: Sequence[Row], progress: _Progress) -> Iterator[_Item]:
        """Yield readable images, reading a few ahead."""
        waiting: list[tuple[Row, Future[_Item]]] = []
        ahead = iter(rows)
        while True:
            for row in itertools.islice(ahead, self._ahead - len(waiting)):
                waiting.append((row, self._files.submit(self._load, row)))
            if not waiting:
                return
            row, loading = waiting.pop(0)
            try:
                yield loading.result()
            except (ImageFileError, ValueError) as error:
                progress.fail(row, str(error))

    def _load(self, row: Row) -> _Item:
        style = self._style(row.artwork)
        image = self._images.load(row.image, self.job.size)
        pixels = image.pixels
        if self.job.crop:
            pixels = _crop(pixels, self.job.crop, row.image)
        return _Item(row, replace(image, pixels=pixels), style)

    def _style(self, artwork: str) -> Style:
        if self._table is None:
            self._table = StyleTable(self.job.output / STYLES)
        return self._table.style(artwork)

    def _groups(self, items: Iterator[_Item]) -> Iterator[list[_Item]]:
        """Yield groups of images with the same shape and dtype, to stylize together."""
        waiting: dict[object, list[_Item]] = defaultdict(list)
        for item in items:
            pixels = item.image.pixels
            kind = (tuple(pixels.shape), pixels.dtype)
            waiting[kind].append(item)
            if (len(waiting[kind]) + 1) * pixels[0, 0].numel() > self._pixels:
                yield waiting.pop(kind)
        yield from waiting.values()

    def _stylize_group(self, group: list[_Item], progress: _Progress) -> Tensor:
        """Return stylized images, uint8 on the CPU; none if memory runs out."""
        options = StylizeOptions(
            [each.style for each in group],
            weights=torch.eye(len(group)).tolist(),
            alpha=[each.row.alpha for each in group],
            stroke_size=self.job.stroke_size,
        )
        pixels = torch.cat([each.image.pixels for each in group])
        try:
            with self._turn():
                stylizer = Stylizer(self.model, options)
                return stylizer(pixels, output_dtype=torch.uint8).cpu()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            for each in group:
                progress.fail(each.row, f"{each.row.image}: {reason(error)}")
            return pixels[:0]

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until this thread may use the model."""
        self._turns.get()
        try:
            yield
        finally:
            self._turns.put(None)

    def _companions(self, row: Row) -> list[Companion]:
        if not self.job.others:
            return []
        linked = self.job.others == "link" and not split_archive(row.image)[0]
        return [
            (suffix, self._images.root / name if linked else self._images.read(name))
            for name, suffix in self._images.companions(row.image)
        ]


class _Progress:
    """The progress of a batch.

    Args:
        rows: rows without a result, in the order in which they are written.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._waiting = deque(rows)
        self._without = set(rows)
        self.encoding: dict[Row, Future[Staged]] = {}
        self.failures: list[Failure] = []

    def awaits(self, row: Row) -> bool:
        """Return whether a row's result is missing and has not failed."""
        return row in self._without

    def fail(self, row: Row, why: str) -> None:
        """Record that a row has no result."""
        if row in self._without:
            self._without.remove(row)
            self.failures.append(Failure(row, why))

    def take_ready(self) -> Iterator[tuple[Row, Future[Staged]]]:
        """Yield encoded results that can be written now: none before them is still missing."""
        while self._waiting:
            row = self._waiting[0]
            encoding = self.encoding.get(row)
            if row in self._without and (encoding is None or not encoding.done()):
                return
            self._waiting.popleft()
            if encoding is not None:
                yield row, self.encoding.pop(row)

    def take_all(self) -> Iterator[tuple[Row, Future[Staged]]]:
        """Yield all results that are not written yet."""
        while self._waiting:
            row = self._waiting.popleft()
            if row in self.encoding:
                yield row, self.encoding.pop(row)


def _crop(pixels: Tensor, side: int, name: str) -> Tensor:
    """Return the square of this side in the middle of ``(B, C, H, W)``."""
    height, width = pixels.shape[2:]
    if min(height, width) < side:
        raise ImageFileError(
            f"{name}: expected at least {side} pixels a side to crop, got {width}x{height}"
        )
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[:, :, top : top + side, left : left + side]
