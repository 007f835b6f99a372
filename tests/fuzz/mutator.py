"""Damage to bytes, to JSON and to words."""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

# What programs count wrong: limits of integers, signs, sizes that are none.
_NUMBERS = (0, 1, -1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
_JSON = (
    *(None, True, False, 0, -1, 1, 2, 1e308, float("inf"), float("nan"), 10**30, 2**31, 2**63),
    *("", "x", "0", "\0", "\ud800", "\x1b[31m", "x" * 5000, [], {}, [[]], {"": 0}, [None], [True]),
    *([1, 2, 3, 4], [4, 6, 8, 10], [0.5, 1], [10**12] * 4, [2**40] * 4, [-1, 1, 1, 1]),
)
_JSON_DEEP = 10_000


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with one to eight changes."""
    changed = bytearray(data)
    for _ in range(1 << chance.randrange(4)):
        if not changed:
            changed += bytes(chance.randrange(256) for _ in range(8))
        chance.choice(_CHANGES)(changed, chance)
    return bytes(changed)


def _flip(data: bytearray, chance: random.Random) -> None:
    data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random) -> None:
    data[_place(data, chance)] = chance.randrange(256)


def _number(data: bytearray, chance: random.Random) -> None:
    kind = chance.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    size, place = struct.calcsize(kind), _place(data, chance)
    data[place : place + size] = struct.pack(kind, chance.choice(_NUMBERS) % 256**size)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[_place(data, chance) :]


def _remove(data: bytearray, chance: random.Random) -> None:
    place = _place(data, chance)
    del data[place : place + 1 + chance.randrange(32)]


def _repeat(data: bytearray, chance: random.Random) -> None:
    place = _place(data, chance)
    part = data[place : place + 1 + chance.randrange(64)]
    other = _place(data, chance)
    data[other:other] = part * (1 + chance.randrange(3))


def _swap(data: bytearray, chance: random.Random) -> None:
    one, other, size = _place(data, chance), _place(data, chance), 1 + chance.randrange(16)
    data[one : one + size], data[other : other + size] = (
        data[other : other + size],
        data[one : one + size],
    )


_CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip, _flip, _set, _set, _number, _number, _cut, _remove, _repeat, _swap),
)


def _place(data: Sequence[int], chance: random.Random) -> int:
    """Return a place, often near the beginning, where the sizes are."""
    size = len(data)
    return chance.randrange(min(size, 128) if chance.randrange(2) else size)


def mutate_png(data: bytes, chance: random.Random) -> bytes:
    """Return a PNG with damaged chunks whose checksums are right all the same."""
    if not data.startswith(b"\x89PNG"):
        return mutate_bytes(data, chance)
    result, place = data[:8], 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        chunk = data[place + 4 : place + 8 + size]
        if not chance.randrange(4):
            chunk = chunk[:4] + mutate_bytes(chunk[4:], chance)
        length, checksum = len(chunk) - 4, zlib.crc32(chunk)
        result += struct.pack(">I", length) + chunk + struct.pack(">I", checksum)
        place += 12 + size
    return result


def mutate_safetensors(data: bytes, chance: random.Random) -> bytes:
    """Return a safetensors file whose header is damaged as JSON, or any byte."""
    size = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + size]
    if not chance.randrange(3):
        return mutate_bytes(data, chance)
    if chance.randrange(2):
        header = mutate_json_text(header, chance)
    else:
        header = mutate_bytes(header, chance)
    return struct.pack("<Q", len(header)) + header + data[8 + size :]


def mutate_json_text(data: bytes, chance: random.Random) -> bytes:
    """Return JSON text with a value replaced; of each line one in four."""
    lines = data.split(b"\n")
    return b"\n".join(
        _mutate_line(line, chance) if len(lines) == 1 or not chance.randrange(4) else line
        for line in lines
    )


def _mutate_line(line: bytes, chance: random.Random) -> bytes:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return mutate_bytes(line, chance)
    if not chance.randrange(64):
        return b"[" * _JSON_DEEP + b"]" * _JSON_DEEP
    return json.dumps(mutate_json(value, chance)).encode()


def mutate_json(value: Any, chance: random.Random) -> Any:
    """Return a value with a part replaced, removed or added; text that is JSON is opened."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.dumps(mutate_json(json.loads(value), chance))
        except (ValueError, RecursionError):
            pass
    if not isinstance(value, list | dict) or not value or not chance.randrange(8):
        return chance.choice(_JSON)
    copy: Any = value.copy()
    key = chance.choice(list(copy)) if isinstance(copy, dict) else chance.randrange(len(copy))
    action = chance.randrange(8)
    if action == 0:
        del copy[key]
    elif action == 1 and isinstance(copy, dict):
        copy[str(chance.choice(_JSON))] = copy[key]
    elif action == 2 and isinstance(copy, list):
        copy.insert(key, chance.choice(_JSON))
    else:
        copy[key] = mutate_json(copy[key], chance)
    return copy


def mutate_words(data: bytes, chance: random.Random, words: Sequence[str]) -> bytes:
    """Return words, which zeros separate, with some replaced, removed, added or put elsewhere."""
    line = data.decode("utf-8", "surrogateescape").split("\0")
    for _ in range(1 + chance.randrange(4)):
        place, action = chance.randrange(len(line) + 1), chance.randrange(4)
        word = chance.choice(words)
        if action == 0:
            line.insert(place, word)
        elif action == 1:
            del line[place : place + 1]
        elif action == 2:
            line[place:place] = line[: chance.randrange(3)]
        else:
            line[place : place + 1] = [word]
    return "\0".join(line).encode("utf-8", "surrogateescape")
