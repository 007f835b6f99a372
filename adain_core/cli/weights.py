"""``adain weights``: list, inspect, convert and download models."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..choices import DEFAULT_MODEL
from ..errors import NotFiniteError, WeightsError
from ..utils.text import printable
from .arguments import Subparsers, add_command
from .outputs import check_safetensors_output
from .streams import print_error, print_json, print_line

if TYPE_CHECKING:
    from ..networks.architecture import Architecture
    from ..weights import ModelInfo

_LONGEST_CELL = 300  # characters of a table's cell
_WIDTH = 100  # columns of a paragraph

_DESCRIPTION = """\
A model is a .safetensors file with the encoder, the decoder, and metadata such as
architecture, license and source. Bundled and downloaded models are found by name,
others by path."""

_OVERVIEW = """
adain weights list
adain weights info adain-slim
adain weights download vgg19
adain stylize photo.jpg --style painting.jpg --model adain-vgg19 -o result.png
"""

_LIST_EXAMPLES = """
adain weights list

# names only
adain weights list --json | jq -r '.[].name'
"""

_INFO_EXAMPLES = """
adain weights info adain-slim
adain weights info my-model.safetensors

# only the encoder; compare with 'adain style info'
adain weights info adain-slim --json | jq -r .fingerprint
"""

_VERIFY_EXAMPLES = """
adain weights verify adain-slim
adain weights verify runs/*/*.safetensors
"""

_CONVERT_EXAMPLES = """
# pytorch-AdaIN's two files
adain weights convert --vgg vgg_normalised.pth --decoder decoder.pth -o official.safetensors

# half the size; results agree at 75 dB
adain weights convert --vgg vgg_normalised.pth --decoder decoder.pth \\
  --dtype fp16 -o half.safetensors

adain stylize photo.jpg --style painting.jpg --model official.safetensors -o result.png
"""

_DOWNLOAD_EXAMPLES = """
# download about 95 MB; then available as adain-vgg19
adain weights download vgg19
adain stylize photo.jpg --style painting.jpg --model adain-vgg19 -o result.png

# to another folder
adain weights download vgg19 --to models/
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    text = "list, check, convert and download models"
    parser = add_command(subparsers, "weights", None, text, _DESCRIPTION, _OVERVIEW)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add_list(actions)
    _add_info(actions)
    _add_verify(actions)
    _add_convert(actions)
    _add_download(actions)


def _add_list(actions: Subparsers) -> None:
    parser = add_command(
        actions,
        "list",
        _list,
        "list available models",
        "List bundled and downloaded models; * marks the default.",
        _LIST_EXAMPLES,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_info(actions: Subparsers) -> None:
    parser = add_command(
        actions,
        "info",
        _info,
        "show a model",
        "Show the architecture, size, license, source and training of a model.",
        _INFO_EXAMPLES,
    )
    parser.add_argument("model", metavar="NAME|PATH", help="model")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_verify(actions: Subparsers) -> None:
    parser = add_command(
        actions,
        "verify",
        _verify,
        "check that models are intact and work",
        "Load each model, check its weights, and stylize a small test image.",
        _VERIFY_EXAMPLES,
    )
    parser.add_argument("model", nargs="+", metavar="NAME|PATH", help="models")


def _add_convert(actions: Subparsers) -> None:
    parser = add_command(
        actions,
        "convert",
        _convert,
        "convert pytorch-AdaIN's .pth files",
        "Convert the two files of naoto0804/pytorch-AdaIN (the official model) to a model\n"
        "file. They are read as plain tensors; no code in them is executed.",
        _CONVERT_EXAMPLES,
    )
    for option, file in (("--vgg", "vgg_normalised.pth"), ("--decoder", "decoder.pth")):
        parser.add_argument(option, type=Path, required=True, metavar="PATH", help=file)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="model file to write (.safetensors)",
    )
    parser.add_argument(
        "--dtype", choices=("fp32", "fp16"), default="fp32", help="stored precision (default: fp32)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _add_download(actions: Subparsers) -> None:
    parser = add_command(
        actions,
        "download",
        _download,
        "download the official model",
        "Download the official model at the paper's full width: the two release files of\n"
        "naoto0804/pytorch-AdaIN, verified by SHA-256 and converted.",
        _DOWNLOAD_EXAMPLES,
    )
    parser.add_argument("model", choices=("vgg19",), help="which model")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="target folder (default: the user's cache folder, where --model finds it)",
    )


def _list(args: argparse.Namespace) -> int:
    from ..weights import available_models, cache_folder

    entries = [_summary(name, path) for name, path in available_models().items()]
    if args.json:
        print_json(entries)
        return 0
    if not entries:
        print_line(f"found no models, neither bundled nor in {cache_folder()}")
    rows = [
        [
            f"{'*' if entry['default'] else ' '} {entry['name']}",
            _megabytes(entry["bytes"]),
            "" if entry["error"] else f"{entry['parameters'] / 1e6:.2f} M parameters",
            entry["path"],
            entry["error"] or entry["license"],
        ]
        for entry in entries
    ]
    rows = [[printable(cell, _LONGEST_CELL) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print_line(line.rstrip())
    return 0


def _summary(name: str, path: Path) -> dict[str, Any]:
    from ..weights import load_info

    entry: dict[str, Any] = {
        "name": name,
        "default": name == DEFAULT_MODEL,
        "path": str(path),
        "bytes": path.stat().st_size if path.is_file() else 0,
        "parameters": None,
        "license": None,
        "error": None,
    }
    try:
        info = load_info(path)
    except WeightsError as error:
        return entry | {"error": str(error)}
    return entry | {"parameters": _parameters(info.architecture), "license": info.license}


def _info(args: argparse.Namespace) -> int:
    from ..weights import find_model, fingerprint, load_model

    path = find_model(args.model)
    info, encoder, _ = load_model(path)
    facts: dict[str, Any] = {
        "name": path.stem,
        "path": str(path),
        "bytes": path.stat().st_size,
        "parameters": _parameters(info.architecture),
        "fingerprint": fingerprint(encoder.state_dict()),
        "architecture": info.architecture.to_dict(),
        "license": info.license,
        "source": info.source,
        "training": info.training,
    }
    if args.json:
        print_json(facts)
        return 0
    facts["bytes"] = _megabytes(facts["bytes"])
    for key, value in facts.items():
        _print_fact(key, value or "unstated")
    return 0


def _print_fact(name: str, value: Any, depth: int = 0) -> None:
    """Print a value beside its name, those of a dictionary and each one of a list below it."""
    indent = "  " * depth
    if isinstance(value, dict):
        print_line(f"{indent}{name}:")
        for key, item in value.items():
            _print_fact(key, item, depth + 1)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        print_line(f"{indent}{name}:")
        for number, item in enumerate(value, 1):
            bullet = f"{indent}  {number:>2}. "
            text = printable(_phrase(item, "; "))
            for line in textwrap.wrap(text, _WIDTH - len(bullet)):
                print_line(bullet + line)
                bullet = " " * len(bullet)
    else:
        print_line(f"{indent}{name:<{16 - len(indent)}}{_phrase(value)}")


def _phrase(value: Any, separator: str = ", ") -> str:
    """Return a value in one line."""
    if isinstance(value, dict):
        return separator.join(f"{name} {_phrase(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_phrase, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _verify(args: argparse.Namespace) -> int:
    failed = False
    for name in args.model:
        try:
            _try_out(name)
        except WeightsError as error:
            print_error(error)
            failed = True
        else:
            print_line(f"{name}: ok")
    return 1 if failed else 0


def _try_out(name: str) -> None:
    """Raise ``WeightsError`` unless the model loads and stylizes an image."""
    import torch

    from ..model import AdaINModel
    from ..weights import find_model

    model = AdaINModel.from_pretrained(name, device="cpu", dtype="fp32")
    ramp = torch.linspace(0, 1, 48).expand(1, 3, 48, 48)
    try:
        model.stylize(ramp, ramp.mT)
    except NotFiniteError:
        raise WeightsError(f"{find_model(name)}: its results have NaN or infinite values") from None


def _convert(args: argparse.Namespace) -> int:
    from ..utils.devices import DTYPES
    from ..weights.convert import convert_vgg19

    check_safetensors_output(args.output, args.overwrite)
    info = convert_vgg19(args.vgg, args.decoder, args.output, DTYPES[args.dtype], args.overwrite)
    print_line(f"{args.output} ({_megabytes(args.output.stat().st_size)}, {_described(info)})")
    return 0


def _download(args: argparse.Namespace) -> int:
    from ..weights.download import NAME, download_vgg19

    path = download_vgg19(args.to)
    model = NAME if args.to is None else path
    print_line(f"{path} ({_megabytes(path.stat().st_size)}); use it with --model {model}")
    return 0


def _described(info: ModelInfo) -> str:
    return f"{_parameters(info.architecture) / 1e6:.2f} M parameters, license: {info.license}"


def _parameters(architecture: Architecture) -> int:
    import torch

    from ..networks.encoder_decoder import Decoder, Encoder

    with torch.device("meta"):
        networks = Encoder(architecture), Decoder(architecture)
    return sum(p.numel() for network in networks for p in network.parameters())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
