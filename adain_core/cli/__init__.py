"""The command ``adain``: argument parsing and messages around the library's functions.

Exit codes: 0 success; 1 failure (a file, or memory); 2 invalid usage; 130 Ctrl-C (129 SIGHUP, 143
SIGTERM). Results and ``--json`` go to stdout, progress and errors to stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import AdaINError, OptionError, StyleMismatchError, WeightsError, reason
from ..utils.signals import interrupt_on_stop_signals
from . import (
    dataset,
    evaluate,
    export,
    reproduce,
    sheet,
    style,
    stylize,
    train,
    video,
    weights,
)
from .arguments import OUT_OF_MEMORY, HelpFormatter, Parser
from .request import option_word
from .streams import notes_for_warnings, open_streams, print_error, print_note

_INTERRUPTED = 130  # by Ctrl-C, as shells count it
# In the order of the help.
_COMMANDS = (
    stylize,
    sheet,
    video,
    style,
    weights,
    dataset,
    train,
    evaluate,
    reproduce,
    export,
)
# The commands for functions that the library advises to call.
_REMEDIES = {
    "convert_vgg19": "adain weights convert",
    "download_vgg19": "adain weights download vgg19",
}
_DESCRIPTION = """\
Paint photos and videos in the style of any artwork, with Adaptive Instance
Normalization (AdaIN; Huang & Belongie, ICCV 2017)."""

_EPILOG = """\
examples:
  adain stylize photo.jpg --style painting.jpg -o result.png
  adain stylize photos/ --style painting.jpg --alpha 0.7 -o results/
  adain sheet photo.jpg --style paintings/ -o sheet.jpg
  adain video clip.mp4 --style painting.jpg -o painted.mp4
  adain style encode painting.jpg -o painting.safetensors
  adain weights list

Run 'adain COMMAND --help' for the options of a command and more examples."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    SIGTERM and SIGHUP (``docker stop``, a closed terminal) act like Ctrl-C: finished work is kept.

    Args:
        arguments: without the program's name; ``None``: those of the process.

    Returns:
        The exit code. As usual with argparse, invalid usage, ``--help`` and ``--version`` raise
        ``SystemExit``.
    """
    open_streams()
    out_of_memory = OUT_OF_MEMORY
    with interrupt_on_stop_signals() as received, notes_for_warnings():
        try:
            args = make_parser().parse_args(arguments)
            _refuse_empty(sys.argv[1:] if arguments is None else arguments)
            out_of_memory = args.out_of_memory
            code = _run(args)
            # Not only at the interpreter's end, where a broken pipe is a traceback.
            sys.stdout.flush()
            return code
        except KeyboardInterrupt as error:
            print_error(str(error) or "interrupted")
            return 128 + received[0] if received else _INTERRUPTED
        except Exception as error:
            if not received:
                return _report(error, out_of_memory)
            # An import that is interrupted ends in errors of its own.
            print_error(error if isinstance(error, AdaINError) else "interrupted")
            return 128 + received[0]


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Raise ``ValueError`` for an empty argument, which as a path is the current folder."""
    for before, argument in zip(("adain", *arguments), arguments, strict=False):
        option, equals, value = argument.partition("=")
        if not argument or (equals and not value and option.startswith("-")):
            raise ValueError(
                f"expected a value after {option or before}, got an empty one; is it a variable of "
                "the shell that is not set?"
            )


def _report(error: Exception, out_of_memory: str) -> int:
    """Print an expected error and return the exit code; raise any other again."""
    if isinstance(error, ValueError | OverflowError) and not isinstance(error, AdaINError):
        # The library's way to refuse an argument.
        print_error(error)
        return 2
    if isinstance(error, BrokenPipeError):
        # Whoever read the output has enough of it; Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif isinstance(error, OSError):
        # Whatever the library does not explain better: a full disk, no permission.
        name = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        print_error(f"{name}{reason(error)}")
    elif isinstance(error, AdaINError):
        print_error(error)
    else:
        from ..utils.devices import is_out_of_memory

        if not is_out_of_memory(error):
            raise error
        print_error(out_of_memory)
        for note in getattr(error, "__notes__", ()):
            print_note(note)
    return 1


def _run(args: argparse.Namespace) -> int:
    import PIL.Image  # --help and --version have returned without it

    # Twice that is refused: a phone's 200 million are no attack in a file that the user names.
    PIL.Image.MAX_IMAGE_PIXELS = 2**28
    try:
        code: int = args.run(args)
    except OptionError as error:
        raise ValueError(f"{option_word(error.field, args)} {error.message}") from None
    except StyleMismatchError as error:
        word = f"{option_word(error.field, args)}: " if error.field else ""
        raise StyleMismatchError(f"{word}{error}") from None
    except WeightsError as error:
        raise WeightsError(error.advise(_REMEDIES)) from None
    return code


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, without importing torch."""
    parser = Parser(
        prog="adain", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=HelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"adain {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser
