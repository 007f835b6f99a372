"""Errors of the library. A message says what was expected, what was given, and what to do."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from .utils.text import printable


class AdaINError(Exception):
    """Base class of errors about files, models, training and encoders.

    Invalid arguments raise ``ValueError`` or ``TypeError``.

    Args:
        message: shown as one line, with unprintable characters escaped.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(message))


class ImageFileError(AdaINError):
    """An image file cannot be read or written; the message names the file."""


class DatasetError(AdaINError):
    """A data set cannot be created or resumed."""


class ImageFileWarning(UserWarning):
    """An image was read or written, but some information of its file was ignored."""


class VideoFileError(AdaINError):
    """A video cannot be read or written; the message names the file and any partial result.

    Args:
        message: what was expected, what was given, what to do.
        remedies: values of ``if_exists`` of :func:`~adain_core.video.stylize_video` that the
            message suggests; a front end adds its own names for them.
    """

    def __init__(self, message: object = "", *remedies: str) -> None:
        super().__init__(message)
        self.remedies = remedies


class WeightsError(AdaINError):
    """A model or style file is missing, damaged or of another kind; the message names the file.

    Args:
        message: what was expected, what was given, what to do.
        remedy: the function that the message advises to call, such as ``"download_vgg19"``; a front
            end adds its own name for it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def advise(self, commands: Mapping[str, str]) -> str:
        """Return the message with a front end's command instead of the function.

        Args:
            commands: commands by the names of functions.
        """
        if not self.remedy:
            return str(self)
        function = rf"(adain_core\.[\w.]+\.)?{self.remedy}\(\)"
        return re.sub(function, f"'{commands[self.remedy]}'", str(self))


class TrainingError(AdaINError):
    """Training cannot start or continue.

    Args:
        message: what was expected, what was given, what to do.
        fields: settings of :class:`~adain_core.training.TrainingConfig` (or ``"resume"``) that the
            message suggests to change; a front end adds its own names for them.
    """

    def __init__(self, message: str, *fields: str) -> None:
        super().__init__(message)
        self.fields = fields


class StyleMismatchError(AdaINError, ValueError):
    """A style or features are used with a model that has another encoder.

    Args:
        message: names both.
        field: which of several styles it is, as in :class:`OptionError`; empty if there is one.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFiniteError(AdaINError, ValueError):
    """An image has NaN or infinite values; the message names the cause if it is known."""


class OptionError(ValueError):
    """An option is out of range, or conflicts with another one.

    Front ends put their own name of the option before the message.

    Args:
        field: the option of :class:`~adain_core.options.StylizeOptions`, with an index if there
            are several: ``"alpha"``, ``"masks"``, ``"styles[1]"``.
        message: what is wrong, as the rest of a sentence that starts with the option.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field, self.message = field, message

    def __str__(self) -> str:
        return f"{self.field} {self.message}"


def require_kind(field: str, value: object, kind: Any, words: str) -> None:
    """Check the type of an argument.

    Args:
        field: its name.
        value: what was given.
        kind: the type, as for ``isinstance``.
        words: the type in the message, such as ``"a whole number"``.

    Raises:
        TypeError: it has another type.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{field} must be {words}, got {type(value).__name__}")


def require_path(path: object) -> None:
    """Check that an argument is the path of a file.

    Raises:
        TypeError: it is something else, such as ``None``.
    """
    require_kind("path", path, str | os.PathLike, "the path of a file")


def reason(error: object) -> str:
    """Return the cause in words, without the errno and file name in the text of an OSError."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
