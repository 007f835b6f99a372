"""Time and memory of the built page in Chromium, compared with the library on the same machine.

    make page
    python benchmarks/page.py --rounds 5

The two alternate, so that the load of the machine affects both alike. On a busy machine, compare
the CPU time. ``tests/page/conftest.py`` names the requirements.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image, ImageOps
from playwright.sync_api import sync_playwright

from adain_core import AdaINModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "page"))

from page_server import PageServer  # noqa: E402
from studio import Studio, launch  # noqa: E402

ARTWORKS = {"The Starry Night": "van-gogh-starry-night", "The Night Café": "van-gogh-night-cafe"}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512, help="side of the photo (default: 512)")
    parser.add_argument("--rounds", type=int, default=5, help="after the first (default: 5)")
    arguments = parser.parse_args()
    model = AdaINModel.from_pretrained(device="cpu", dtype="fp32")
    pages: list[tuple[float, float]] = []
    libraries: list[tuple[float, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        PageServer(ROOT / "page" / "dist") as server,
        sync_playwright() as playwright,
    ):
        photo = Path(folder) / "photo.png"
        with Image.open(ROOT / "samples" / "content" / "castle.jpg") as image:
            ImageOps.fit(image, (arguments.size, arguments.size)).save(photo)
        browser = launch(playwright, "--disable-gpu")
        studio = Studio(browser.new_context(locale="en-US"))
        studio.open(server.url)
        studio.page.get_by_role("radio", name="Full").check()
        studio.give_photo(photo)
        studio.finish()
        styles = [
            model.encode_style(ROOT / "samples" / "style" / f"{name}.jpg")
            for name in ARTWORKS.values()
        ]
        for number in range(arguments.rounds + 1):
            started, worked = time.perf_counter(), sum(cpu_seconds(browser))
            studio.choose(list(ARTWORKS)[(number + 1) % 2])
            studio.finish()
            cpu = sum(cpu_seconds(browser)) - worked
            pages.append((time.perf_counter() - started, cpu))
            started, worked = time.perf_counter(), time.process_time()
            model.stylize(photo, styles[number % 2])
            libraries.append((time.perf_counter() - started, time.process_time() - worked))
        threads = studio.page.evaluate("document.documentElement.dataset.threads")
        peak = peak_memory(browser)
        browser.close()
    print(f"{arguments.size} pixels, {threads} threads of WebAssembly")
    for index, kind in enumerate(("seconds", "seconds of CPU time")):
        page, library = (median(each[index] for each in x[1:]) for x in (pages, libraries))
        print(f"{kind}: page {page:.2f}, library {library:.2f}, ratio {page / library:.1f}")
    print(f"peak memory of the page's process: {peak:.0f} MiB")


def cpu_seconds(browser: Any) -> list[float]:
    """Return the CPU seconds of each renderer process."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return [each["cpuTime"] for each in processes["processInfo"] if each["type"] == "renderer"]


def peak_memory(browser: Any) -> float:
    """Return the peak resident memory of the renderer processes in MiB; Linux only."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    sizes = []
    for process in processes["processInfo"]:
        if process["type"] == "renderer":
            status = Path(f"/proc/{process['id']}/status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            sizes.append(int(line.split()[1]) / 1024)
    return max(sizes)


if __name__ == "__main__":
    main()
