"""``Notebook``: results on disk, for resuming an interrupted reproduction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import AdaINError
from ..utils.files import replace_atomically


class Notebook:
    """Values by name, each written as soon as it is measured.

    Args:
        path: the JSON file; it is read if it exists.

    Raises:
        AdaINError: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        if path.exists():
            try:
                self._values = dict(json.loads(path.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                raise AdaINError(
                    f"{path}: damaged ({error}); remove it, or choose another folder"
                ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def recall(self, name: str, measure: Callable[[], Any]) -> Any:
        """Return a stored value, or measure and store it.

        Args:
            name: name of the value.
            measure: returns the value, in plain values for JSON.
        """
        if name not in self._values:
            # As read from JSON, so that a resumed run uses exactly the same value.
            self._values[name] = json.loads(json.dumps(measure()))
            with replace_atomically(self._path) as temporary:
                temporary.write_text(json.dumps(self._values, indent=1), encoding="utf-8")
        return self._values[name]
