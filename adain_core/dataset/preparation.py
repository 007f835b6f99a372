"""Preparing the folder of results: the plan and the settings."""

from __future__ import annotations

import filecmp
import itertools
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import NoReturn

from ..choices import PHOTO_SHARE, SINGLE_PASS
from ..errors import DatasetError
from ..weights import find_model, fingerprint, load_model
from .job import PLAN, SETTINGS, STYLES, Job
from .plan import PlanOptions, make_rows, read_parts, write_plan
from .results import Results

# Fields of a job that affect all images.
_COMMON = (
    *("dtype", "size", "crop", "style_size", "stroke_size", "quality", "others", "batch_size"),
)
# Those that affect the plan.
_PLANNED = {field.name for field in fields(PlanOptions)}


def prepare_plan(job: Job, given: Path | None = None) -> Path:
    """Write the plan and the settings to the folder of results, or compare existing ones.

    While there is no result, the settings may change; the plan stays, because it may be edited.

    Args:
        job: the data set.
        given: a plan to use; ``None``: the existing one, or a new one.

    Returns:
        The file of the plan.

    Raises:
        ValueError: as :func:`~adain_core.dataset.plan.make_rows`.
        AdaINError: a tree or the model cannot be read, the data set was started with another plan
            or other settings, or the files cannot be written. Nothing is written then.
    """
    results = Results(job.output)
    path = job.output / PLAN
    settings = _settings(job, planned=given is None)
    if not path.exists():
        if given is not None and not given.is_file():
            raise DatasetError(f"cannot read {given}: there is no such file; a plan is expected")
        with results.replace(PLAN) as temporary:
            if given is None:
                _write_new_plan(temporary, job)
            else:
                for _ in read_parts(given, job.batch_size):
                    pass  # each row is checked
                shutil.copyfile(given, temporary)
            # Before the plan: without one there are no results, and other settings do no harm.
            _write_settings(results, settings)
        return path
    begun = _read_settings(job.output / SETTINGS)
    differing = _compare(begun, settings)
    if differing and not (_PLANNED.isdisjoint(differing) and _is_empty(results, path, job)):
        differing.sort(key=lambda name: name not in _PLANNED)
        _refuse_settings(job, differing[0], begun, settings)
    if given is not None and not filecmp.cmp(given, path, shallow=False):
        raise DatasetError(
            f"the data set in {job.output} was started with another plan, {path}; use it, or "
            "choose another folder"
        )
    if differing:
        (job.output / STYLES).unlink(missing_ok=True)
        results.remove_work()
        _write_settings(results, {**begun, **settings})
    return path


def _settings(job: Job, planned: bool) -> dict[str, object]:
    """Return the settings of the results, and of the plan if it was generated."""
    _, encoder, decoder = load_model(find_model(job.model))
    settings = {name: getattr(job, name) for name in _COMMON}
    if job.stroke_size != SINGLE_PASS:
        settings["photo_share"] = PHOTO_SHARE  # no option here, but other passes with another one
    if planned:
        settings |= asdict(job.plan) | {"alpha": list(job.plan.alpha)}
    return {"model": fingerprint({**encoder.state_dict(), **decoder.state_dict()}), **settings}


def _write_new_plan(path: Path, job: Job) -> None:
    artworks = [
        folder.join(file) for folder in job.open_styles().folders() for file in folder.images
    ]
    rows = make_rows(job.open_images(), artworks, job.plan)
    first = next(rows, None)
    if first is None:
        raise DatasetError(f"found no images in {job.images}")
    write_plan(path, itertools.chain([first], rows))


def _write_settings(results: Results, settings: Mapping[str, object]) -> None:
    with results.replace(SETTINGS) as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _read_settings(path: Path) -> dict[str, object]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(f"cannot read {path}: {error}; choose another folder") from None


def _compare(begun: Mapping[str, object], settings: Mapping[str, object]) -> list[str]:
    """Return the names of settings that differ from those that a data set was started with."""
    # How a given plan was made is not known.
    names = [name for name in settings if name in begun or name in _COMMON]
    return [name for name in names if begun.get(name) != settings[name]]


def _is_empty(results: Results, plan: Path, job: Job) -> bool:
    """Return whether a data set has no result, not even in an archive that is begun."""
    return not any((results.work / "archives").glob("*")) and not any(
        (results.folder / row.archive).exists() if row.archive else results.has(row)
        for _, rows in read_parts(plan, job.batch_size)
        for row in rows
    )


def _refuse_settings(
    job: Job, name: str, begun: Mapping[str, object], settings: Mapping[str, object]
) -> NoReturn:
    raise DatasetError(
        f"the data set in {job.output} was started with {name.replace('_', ' ')} "
        f"{begun.get(name)!r}, got {settings[name]!r}; use the same, or choose another folder"
    )
