"""Preparing the folder of results: the plan and the settings."""

from __future__ import annotations

import filecmp
import itertools
import json
import shutil
from dataclasses import asdict
from pathlib import Path

from ..choices import PHOTO_SHARE, SINGLE_PASS
from ..errors import DatasetError
from ..weights import find_model, fingerprint, load_model
from .job import PLAN, SETTINGS, Job
from .plan import make_rows, read_parts, write_plan
from .results import Results

# Fields of a job that affect all images.
_COMMON = (
    *("dtype", "size", "crop", "style_size", "stroke_size", "quality", "others", "batch_size"),
)


def prepare_plan(job: Job, given: Path | None = None) -> Path:
    """Write the plan and the settings to the folder of results, or compare existing ones.

    Args:
        job: the data set.
        given: a plan to use; ``None``: the existing one, or a new one.

    Returns:
        The file of the plan.

    Raises:
        ValueError: as :func:`~adain_core.dataset.plan.make_rows`.
        AdaINError: a tree or the model cannot be read, the data set was started with another plan
            or other settings, or the files cannot be written.
    """
    results = Results(job.output)
    path = job.output / PLAN
    settings = _settings(job, planned=given is None)
    if not path.exists():
        if given is not None and not given.is_file():
            raise DatasetError(f"cannot read {given}: there is no such file; a plan is expected")
        # Without a plan there are no results yet, and other settings do no harm.
        with results.replace(SETTINGS) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        with results.replace(PLAN) as temporary:
            if given is None:
                _write_new_plan(temporary, job)
            else:
                for _ in read_parts(given, job.batch_size):
                    pass  # each row is checked
                shutil.copyfile(given, temporary)
        return path
    _check_settings(job.output / SETTINGS, settings)
    if given is not None and not filecmp.cmp(given, path, shallow=False):
        raise DatasetError(
            f"the data set in {job.output} was started with another plan, {path}; use it, or "
            "choose another folder"
        )
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


def _check_settings(path: Path, settings: dict[str, object]) -> None:
    """Raise ``DatasetError`` if a data set was started with other settings."""
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
        # How a given plan was made is not known.
        names = [name for name in settings if name in begun or name in _COMMON]
        differing = [name for name in names if begun.get(name) != settings[name]]
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(f"cannot read {path}: {error}; take another folder") from None
    if differing:
        name = differing[0]
        raise DatasetError(
            f"the data set in {path.parent} was started with {name.replace('_', ' ')} "
            f"{begun.get(name)!r}, got {settings[name]!r}; take the same, or another folder"
        )
