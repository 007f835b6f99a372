"""Errors of the library; each message says what was expected, what came, and what to do."""

from __future__ import annotations

from .text import printable


class AdaINError(Exception):
    """Base class: ``except AdaINError`` catches everything the library raises on purpose.

    Args:
        message: as one line; what is not printable in the names and contents of files is escaped.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(message))


class ImageFileError(AdaINError):
    """An image file cannot be read or written; the message names the file."""


class DatasetError(AdaINError):
    """A data set cannot be made, or not be gone on with, as asked."""


class ImageFileWarning(UserWarning):
    """A picture was read or written, but not all of what its file says could be followed."""


class VideoFileError(AdaINError):
    """A video cannot be read or written; the message names the file and what is left of it."""


class WeightsError(AdaINError):
    """A weights or style file is missing, damaged or foreign; the message names the file."""


class TrainingError(AdaINError):
    """Training cannot start or go on.

    Args:
        message: what was expected, what came, what to do.
        fields: settings of :class:`~adain_core.training.TrainingConfig` (or ``"resume"``) that the
            message proposes to change; a front end adds its own words for them.
    """

    def __init__(self, message: str, *fields: str) -> None:
        super().__init__(message)
        self.fields = fields


class StyleMismatchError(AdaINError, ValueError):
    """A style or feature map is used with another model than the one that made it.

    Args:
        message: names both.
        field: which style of several it is, as in :class:`OptionError`; empty where there is one.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFiniteError(AdaINError, ValueError):
    """A picture has NaN or infinite values; the message says where they come from, if known."""


class OptionError(ValueError):
    """An option is out of range, or does not go with another one.

    Front ends put their own word for the option before the message.

    Args:
        field: the option of :class:`~adain_core.options.StylizeOptions`, of one among several with
            its number from 0: ``"alpha"``, ``"masks"``, ``"styles[1]"``.
        message: what is wrong, as the rest of a sentence that begins with the option's name.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field, self.message = field, message

    def __str__(self) -> str:
        return f"{self.field} {self.message}"


def reason(error: object) -> str:
    """Return the cause in words, without the errno and file name of an OSError's own text."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
