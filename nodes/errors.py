"""The library's errors for the page, with names of inputs and advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..adain_core import StyleMismatchError
from ..adain_core.errors import OptionError
from ..adain_core.style import require_same_encoder
from ..adain_core.utils.text import printable


@contextmanager
def named_errors(names: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn the library's errors into ``ValueError`` with the names of inputs.

    For other exceptions than Python's own, the page shows the full path of the class.

    Args:
        names: names of inputs by the library's parameters, where they differ.

    Raises:
        ValueError: instead of an OptionError.
    """
    try:
        yield
    except OptionError as error:
        name = (names or {}).get(error.field, error.field)
        raise ValueError(f"{name} {error.message}") from None


def check_encoder(model: Any, thing: Any, name: str) -> None:
    """Reject a style, or features, of another model's encoder.

    Args:
        model: the model, or features that it encoded.
        thing: the input.
        name: name of the input.

    Raises:
        ValueError: it does not fit.
    """
    try:
        require_same_encoder(model, thing)
    except StyleMismatchError:
        # Of a file, any text.
        expected, got = (printable(each.fingerprint, 50) for each in (model, thing))
        # The advice comes first, because the page shows little text.
        raise ValueError(
            f"{name}: they come from different encoders. In Load AdaIN Model choose the model that "
            "made it, or encode the image again with this one "
            f"(expected encoder {expected}, got {got})"
        ) from None
