"""The page as a user operates it: files, controls by their names, the downloaded PNG."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from adain_core.pixels import resize_window

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
TIMEOUT = 180_000  # milliseconds, enough for a busy machine


class Studio:
    """An opened page.

    Args:
        context: a fresh browser context.
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        self.requests: list[str] = []
        self.errors: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.set_default_timeout(TIMEOUT)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, url: str) -> None:
        """Open the page and wait until its networks are loaded."""
        self.page.goto(url)
        self.wait()

    def wait(self) -> None:
        """Wait until the networks are loaded."""
        self.page.wait_for_selector("html[data-backend]")

    def set(
        self,
        *,
        artwork: str = "Colored Stones",
        second: str = "",
        strength: int = 100,
        strokes: str = "Medium",
        keep_colors: bool = False,
    ) -> None:
        """Set all controls but the size."""
        self.choose(artwork)
        self.page.get_by_role("switch", name="Mix in a second artwork").set_checked(bool(second))
        if second:
            self.choose(second, "#second-artworks")
        self.page.get_by_role("slider", name="Strength").fill(str(strength))
        self.page.get_by_role("radio", name=strokes).check()
        self.page.get_by_role("switch", name="Keep the photo’s colors").set_checked(keep_colors)

    def choose(self, artwork: str, gallery: str = "#artworks") -> None:
        """Choose an artwork by its title."""
        self.page.locator(gallery).get_by_role("radio", name=artwork).check()

    def give_photo(self, file: Path) -> None:
        """Choose a photo."""
        self.page.set_input_files("#photo-file", file)

    def give_artwork(self, file: Path) -> None:
        """Add an artwork or a style file."""
        self.page.set_input_files("#artwork-file", file)

    def finish(self) -> None:
        """Wait until nothing is being stylized."""
        self.page.wait_for_selector("#comparison[aria-busy=false]")

    def result(self) -> Tensor:
        """Download the finished result, ``(1, 3, H, W)`` in 0..1."""
        self.finish()
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Download PNG").click()
        return read_image(Path(download.value.path()).read_bytes())

    def status(self) -> str:
        """Return the line under the image."""
        return str(self.page.inner_text("#status"))

    def notice(self) -> str:
        """Wait for a notice and return it."""
        self.page.wait_for_selector("#notice:not([hidden])")
        return str(self.page.inner_text("#notice-text"))


def launch(playwright: Any, *arguments: str) -> Any:
    """Return Chromium without a network, with a camera that shows a test image."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[
            "--no-sandbox",
            # Only this machine resolves: all other requests fail.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            *arguments,
        ],
    )


def read_image(data: bytes) -> Tensor:
    """Return an image file as ``(1, 3, H, W)`` in 0..1."""
    with Image.open(io.BytesIO(data)) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None] / 255


def write_image(path: Path, image: Tensor) -> Tensor:
    """Write ``(1, 3, H, W)`` as PNG; return its rounded pixels."""
    pixels = image.clamp(0, 1).mul(255).round().byte()
    Image.fromarray(pixels[0].permute(1, 2, 0).numpy()).save(path)
    return pixels / 255


def as_page_image(image: Tensor) -> dict[str, Any]:
    """Return ``(1, 3, H, W)``, uint8, as an argument of a script: an image with a list as data."""
    height, width = image.shape[2:]
    pixels = torch.full((height, width, 4), 255, dtype=torch.uint8)
    pixels[..., :3] = image[0].permute(1, 2, 0)
    return {"width": width, "height": height, "data": pixels.flatten().tolist()}


def random_image(height: int, width: int, seed: int, contrast: float = 1.0) -> Tensor:
    """Random spots of 8 pixels, with noise in the right half, ``(1, 3, H, W)``, uint8."""
    random = torch.Generator().manual_seed(seed)
    spots = torch.rand(1, 3, height // 8 + 1, width // 8 + 1, generator=random)
    image = 0.5 + contrast * (resize_window(spots, (height, width)) - 0.5)
    noise = torch.rand(1, 3, height, width, generator=random) - 0.5
    image[..., width // 2 :] += contrast * noise[..., width // 2 :]
    return image.clamp(0, 1).mul(255).round().byte()


def decibels(one: Tensor, other: Tensor) -> float:
    """Return the peak signal-to-noise ratio of two images in 0..1."""
    assert one.shape == other.shape
    return float(-10 * torch.log10((one - other).square().mean().clamp_min(1e-12)))
