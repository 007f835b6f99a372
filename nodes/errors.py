"""The library's errors in the words of the page: names of inputs, and what to do there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..adain_core import StyleMismatchError
from ..adain_core.errors import OptionError
from ..adain_core.style import require_same_encoder


@contextmanager
def named_errors(names: Mapping[str, str] | None = None) -> Iterator[None]:
    """Put the names of inputs into the library's errors.

    The page shows the class of an error that is not Python's own by its whole path, so all become
    ``ValueError``.

    Args:
        names: names of inputs by the library's parameters, where they differ.

    Raises:
        ValueError: in place of an OptionError.
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
        # What to do comes first: the page shows a short box.
        raise ValueError(
            f"{name}: they come from different encoders. In Load AdaIN Model choose the model that "
            f"made it, or encode the image again with this one ({thing!r}, {model!r})"
        ) from None
