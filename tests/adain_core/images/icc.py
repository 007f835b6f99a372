"""Color profiles made by hand, byte by byte, and what they mean by plain formulas."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

# Primaries of RGB spaces, columns X, Y, Z seen under D50.
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.7141]]
)
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.1571], [0.2412, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
ADOBE_RGB = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
D50 = np.array([0.9642, 1.0, 0.8249])


def linear(encoded: np.ndarray) -> np.ndarray:
    """sRGB's curve, which Display P3 has, too."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def rgb_to_srgb(values: np.ndarray, primaries: np.ndarray, gamma: float | None) -> np.ndarray:
    """What values (…, 3) in 0..1 of an RGB space are in sRGB, clipped."""
    light = linear(values) if gamma is None else values**gamma
    return encoded(light @ (np.linalg.inv(SRGB) @ primaries).T)


def rgb_profile(primaries: np.ndarray, gamma: float | None) -> bytes:
    """An RGB profile; ``gamma=None`` for sRGB's curve."""
    tags = {f"{name}XYZ": _xyz(primaries[:, n]) for n, name in enumerate("rgb")}
    return _profile(
        b"mntr", b"RGB ", b"XYZ ", {**tags, **{f"{n}TRC": _curve(gamma) for n in "rgb"}}
    )


def gray_profile(gamma: float) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {"kTRC": _curve(gamma)})


def cmyk_profile(corners: np.ndarray) -> bytes:
    """A printer's profile: colors in Lab, (2, 2, 2, 2, 3), of the 16 corners of C, M, Y, K."""
    identity = bytes(range(256))
    lab = np.stack([corners[..., 0] * 2.55, corners[..., 1] + 128, corners[..., 2] + 128], axis=-1)
    table = struct.pack(">4sIBBBx", b"mft1", 0, 4, 3, 2)
    table += struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    table += identity * 4 + lab.round().clip(0, 255).astype(np.uint8).tobytes() + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {"A2B0": table})


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return struct.pack(">4sIIHxx", b"curv", 0, 1, round(gamma * 256))
    points = (linear(np.linspace(0, 1, 4096)) * 65535).round().astype(">u2")
    return struct.pack(">4sII", b"curv", 0, len(points)) + points.tobytes()


def _xyz(values: np.ndarray) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *(round(65536 * float(value)) for value in values))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: Mapping[str, bytes]) -> bytes:
    name = b"test\0"
    description = struct.pack(">4sII", b"desc", 0, len(name)) + name + bytes(78)
    tags = {**tags, "desc": description, "wtpt": _xyz(D50), "cprt": b"text\0\0\0\0CC0\0"}
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag.encode(), start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    size = start + len(data)
    header = struct.pack(
        ">I4sI4s4s4s12x4s", size, bytes(4), 0x02400000, kind, space, connection, b"acsp"
    )
    header += bytes(28) + struct.pack(">3i", *(round(65536 * float(value)) for value in D50))
    return header + bytes(128 - len(header)) + table + data
