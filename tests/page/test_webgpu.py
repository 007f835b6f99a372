"""The page on WebGPU, emulated on the CPU."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_server import PageServer
from studio import Studio, decibels, launch, read_image, write_image

from adain_core import AdaINModel

ROOT = Path(__file__).resolve().parents[2]
WEBGPU = [
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
]
SCRIPT = ROOT / "page" / "src" / "runtime.js"


@pytest.fixture
def studio(playwright: Any, server: PageServer) -> Iterator[Studio]:
    """The page in a browser with a software GPU, which the page normally rejects."""
    script = SCRIPT.read_text().replace("isFallbackAdapter", "noSuchProperty")

    def answer(route: Any) -> None:
        route.fulfill(body=script, content_type="text/javascript")

    browser = launch(playwright, *WEBGPU)
    context = browser.new_context(locale="en-US", service_workers="block")
    context.route(re.compile("runtime.js"), answer)
    studio = Studio(context)
    studio.open(server.url)
    yield studio
    browser.close()


@pytest.mark.slow
def test_webgpu_gives_the_same_results(studio: Studio, model: AdaINModel, tmp_path: Path) -> None:
    if studio.page.evaluate("document.documentElement.dataset.backend") != "webgpu":
        pytest.skip("this Chromium has no WebGPU in software")
    image = read_image((ROOT / "samples" / "content" / "coffee.jpg").read_bytes())
    photo = write_image(tmp_path / "photo.png", image[..., 100:148, 200:264])
    studio.give_photo(tmp_path / "photo.png")
    result = studio.result()
    expected = model.stylize(photo, ROOT / "samples" / "style" / "van-gogh-starry-night.jpg")
    assert decibels(result, expected) > 40
    assert "on the GPU" in studio.status()
