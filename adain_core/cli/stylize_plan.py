"""The inputs and outputs of ``adain stylize``."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..images import check_output_suffix, list_image_tree, list_images
from ..utils.files import real_path
from .outputs import check_output_file, check_replaceable, read_files, refuse_inputs


@dataclass(frozen=True)
class Plan:
    """Photos and their results.

    Attributes:
        contents: files of the photos.
        outputs: file of each result.
        folder: the folder for all results, which can have subfolders.
    """

    contents: list[Path]
    outputs: list[Path]
    folder: Path


def make_plan(args: argparse.Namespace) -> Plan:
    """Return the plan, without any work.

    Raises:
        ValueError: a result that cannot be written.
        ImageFileError: a folder or a pattern without photos.
    """
    output = Path(args.output)
    is_folder = output.is_dir() or args.output.endswith(("/", os.sep))
    found = _find_contents(args.content, output)
    contents = list(found)
    # A single file, and not a folder or a pattern.
    if contents == [Path(path) for path in args.content] and len(contents) == 1 and not is_folder:
        if args.format:
            raise ValueError(f"--format is for results in a folder; name the file {output} instead")
        if not output.suffix:
            raise ValueError(
                f"expected a file or a folder for the result, got {output}: name a file, such as "
                f"{output}.png, or for a folder write {output}{os.sep}"
            )
        check_output_suffix(output)
        refuse_inputs([output], [*contents, *read_files(args)])
        check_output_file(output, args.overwrite or args.skip_existing)
        return Plan(contents, [output], output.parent)

    if output.is_file() or (not is_folder and _is_writable(output)):
        raise ValueError(
            "several photos, or those of a folder or a pattern, need a folder for their results, "
            f"but the output {output} is a file name"
        )
    outputs = _name_results(found, output, args.format)
    refuse_inputs(outputs, [*contents, *read_files(args)])
    check_replaceable(
        outputs,
        args.overwrite or args.skip_existing,
        "pass --skip-existing to stylize only the missing ones, or --overwrite to replace them",
    )
    return Plan(contents, outputs, output)


def _find_contents(paths: list[str], output: Path) -> dict[Path, Path]:
    """Return the file of each photo, and its subfolder within the given folder.

    An output folder within the given folder is skipped: it contains results.
    """
    found: dict[Path, tuple[Path, Path]] = {}
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 (False for a name that is too long)
            inside = [] if real_path(output) == real_path(path) else [output]
            files = {
                file: file.parent.relative_to(path) for file in list_image_tree(path, but=inside)
            }
        else:
            files = dict.fromkeys(list_images(path), Path())
        for file, folder in files.items():
            found.setdefault(file.absolute(), (file, folder))
    return dict(found.values())


def _name_results(found: dict[Path, Path], output: Path, file_format: str | None) -> list[Path]:
    """Return the file of each result.

    If ``a.png`` and ``a.gif`` are both present, the result of ``a.gif`` is ``a.gif.png``.
    """
    names = {
        content: output / folder / (content.stem + _suffix(content, file_format))
        for content, folder in found.items()
    }
    taken = Counter(names.values())
    for content, name in names.items():
        if taken[name] > 1 and name.name != content.name:
            names[content] = name.with_name(content.name + name.suffix)
    for name, count in Counter(names.values()).items():
        if count > 1:
            same = [str(content) for content, other in names.items() if other == name]
            raise ValueError(
                f"{' and '.join(same[:2])} would both be written to {name}: rename one, or use "
                "different output folders"
            )
    return list(names.values())


def _suffix(content: Path, file_format: str | None) -> str:
    if file_format:
        return f".{file_format}"
    return content.suffix if _is_writable(content) else ".png"


def _is_writable(path: Path) -> bool:
    try:
        check_output_suffix(path)
    except ValueError:
        return False
    return True
