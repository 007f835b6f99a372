"""The page is private, works offline, is accessible, and reports errors."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_server import PageServer
from PIL import Image
from studio import Studio

from adain_core import AdaINModel

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "samples" / "content" / "coffee.jpg"


@pytest.fixture
def open_studio(browser: Any, server: PageServer, request: Any) -> Callable[..., Studio]:
    """Open the page in a new window without stored data."""

    def run(url: str = server.url, **options: Any) -> Studio:
        context = browser.new_context(**{"locale": "en-US", **options})
        request.addfinalizer(context.close)
        studio = Studio(context)
        studio.open(url)
        return studio

    return run


@pytest.fixture
def small_photo(tmp_path: Path) -> Path:
    """A photo that is stylized in no time."""
    with Image.open(PHOTO) as image:
        image.resize((72, 48)).save(tmp_path / "small.png")
    return tmp_path / "small.png"


def test_nothing_leaves_the_pages_own_origin(
    studio: Studio, server: PageServer, small_photo: Path
) -> None:
    studio.set()
    studio.give_photo(small_photo)
    studio.result()
    elsewhere = [
        url for url in studio.requests if not url.startswith((server.url, "blob:", "data:"))
    ]
    assert elsewhere == []
    assert any(url.endswith(".wasm") for url in studio.requests)
    # The page's policy blocks such requests.
    blocked = studio.page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation",
                (event) => resolve(event.effectiveDirective), { once: true });
            fetch("http://127.0.0.1:1/").catch(() => {});
        })"""
    )
    assert blocked == "connect-src"
    assert studio.errors == []


def test_the_first_result_is_shown_before_the_networks_load(
    studio: Studio, server: PageServer
) -> None:
    catalog = json.loads((ROOT / "page" / "dist" / "catalog.json").read_text())
    first = catalog["start"]["result"]
    wasm = next(i for i, url in enumerate(studio.requests) if url.endswith(".wasm"))
    assert any(url == server.url + first for url in studio.requests[:wasm])


def test_options_changed_before_the_networks_load_apply(browser: Any, server: PageServer) -> None:
    context = browser.new_context(locale="en-US", service_workers="block")
    studio = Studio(context)
    # The runtime is held back until an option has changed.
    held: list[Any] = []
    context.route("**/*.wasm", lambda route: held.append(route))
    studio.page.goto(server.url)
    studio.page.wait_for_selector("#download:enabled")
    studio.page.get_by_role("slider", name="Strength").fill("0")
    while not held:
        studio.page.wait_for_timeout(50)
    held[0].continue_()
    studio.wait()
    # The first result comes without a time, further ones with it.
    studio.page.wait_for_selector("#status:has-text(' s on the CPU')")
    context.close()


def test_the_service_worker_enables_threads(open_studio: Callable[..., Studio]) -> None:
    threads = "document.documentElement.dataset.threads"
    cores = os.cpu_count() or 1
    assert int(open_studio().page.evaluate(threads)) >= min(2, cores)


def test_it_stylizes_without_threads(open_studio: Callable[..., Studio], small_photo: Path) -> None:
    studio = open_studio(service_workers="block")
    assert studio.page.evaluate(
        "[crossOriginIsolated, document.documentElement.dataset.threads]"
    ) == [
        False,
        "1",
    ]
    studio.give_photo(small_photo)
    assert studio.result().shape == (1, 3, 48, 72)


def test_it_stylizes_offline(
    open_studio: Callable[..., Studio], dist: Path, small_photo: Path
) -> None:
    with PageServer(dist) as server:
        studio = open_studio(server.url)
        studio.page.wait_for_selector("html[data-offline]")
    studio.page.reload()
    studio.wait()
    studio.choose("The Night Café")
    studio.give_photo(small_photo)
    assert studio.result().shape == (1, 3, 48, 72)
    assert "offline" in studio.page.inner_text("footer")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("broken.jpg", b"\xff\xd8\xff\xe0 and no more", "“broken.jpg” cannot be opened"),
        ("notes.txt", b"not an image", "“notes.txt” cannot be opened"),
        ("empty.png", b"", "“empty.png” cannot be opened"),
    ],
)
def test_a_broken_photo_leaves_the_result(
    studio: Studio, small_photo: Path, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    studio.set()
    studio.give_photo(small_photo)
    before = studio.result()
    (tmp_path / name).write_bytes(content)
    studio.give_photo(tmp_path / name)
    assert sentence in studio.notice()
    assert (studio.result() == before).all()
    studio.page.get_by_role("button", name="Dismiss").click()
    assert studio.page.locator("#notice").is_hidden()


def test_bad_style_files_are_refused(
    studio: Studio, make_model: Callable[..., AdaINModel], make_image: Any, tmp_path: Path
) -> None:
    make_model().encode_style(make_image(32, 32)).save(tmp_path / "other.safetensors")
    studio.give_artwork(tmp_path / "other.safetensors")
    assert "“other.safetensors” was made with another model" in studio.notice()
    shipped = ROOT / "weights" / "styles" / "mosaic.safetensors"
    (tmp_path / "half.safetensors").write_bytes(shipped.read_bytes()[:900])
    studio.give_artwork(tmp_path / "half.safetensors")
    studio.page.wait_for_selector("#notice-text:has-text('half.safetensors')")
    assert "“half.safetensors” is not a style file" in studio.notice()
    shutil.copy(ROOT / "weights" / "adain-slim.safetensors", tmp_path / "model.safetensors")
    studio.give_artwork(tmp_path / "model.safetensors")
    studio.page.wait_for_selector("#notice-text:has-text('model.safetensors')")
    assert studio.errors == []


def test_a_photo_beyond_the_limit_is_reduced_with_a_notice(
    studio: Studio, small_photo: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (5200, 300), "teal").save(tmp_path / "wide.jpg")
    studio.set(strength=0)
    studio.page.get_by_role("radio", name="Full").check()
    studio.give_photo(tmp_path / "wide.jpg")
    assert studio.result().shape == (1, 3, 236, 4096)
    assert "5200 × 300 pixels" in studio.notice()
    studio.page.get_by_role("radio", name="Standard").check()


def test_the_camera_is_stylized_and_a_photo_taken(studio: Studio) -> None:
    studio.set()
    studio.page.get_by_role("radio", name="Small").check()
    studio.page.get_by_role("button", name="Camera").click()
    studio.page.wait_for_selector("#camera[data-live]")
    studio.page.get_by_role("button", name="Take a photo").click()
    # The test camera has the requested width.
    studio.page.wait_for_selector("#status:has-text('640 × 360 pixels of 1920 × 1080')")
    assert studio.result().shape == (1, 3, 360, 640)
    studio.page.get_by_role("radio", name="Standard").check()


@pytest.mark.parametrize(
    ("locale", "heading"), [("ja-JP", "お手本にする作品"), ("zh-CN", "像哪幅画一样")]
)
def test_it_has_the_users_language_and_fits_a_phone(
    open_studio: Callable[..., Studio], locale: str, heading: str
) -> None:
    studio = open_studio(
        locale=locale, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True
    )
    page = studio.page
    assert page.inner_text(".artworks legend") == heading
    assert page.evaluate("document.documentElement.lang") == locale[:2]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("combobox").select_option("en")
    page.wait_for_selector("html[lang=en]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.reload()
    page.wait_for_selector(".artworks legend:has-text('Paint it like')")


def test_everything_that_takes_the_focus_has_a_name(studio: Studio) -> None:
    session = studio.context.new_cdp_session(studio.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    unnamed = []
    for node in nodes:
        properties = {
            each["name"]: each["value"].get("value") for each in node.get("properties", [])
        }
        role = node.get("role", {}).get("value")
        name = node.get("name", {}).get("value")
        if properties.get("focusable") and role not in ("RootWebArea", "generic") and not name:
            unnamed.append(role)
    assert unnamed == []


def test_the_keyboard_reaches_and_moves_everything(studio: Studio) -> None:
    page = studio.page
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.name"))
    expected = {
        "language",
        "split",
        "photo-file",
        "camera-open",
        "artwork-file",
        "artwork-0",
        "mix",
    }
    assert expected | {"strength", "strokes", "size", "keep-colors", "download"} <= reached
    page.focus("#split")
    before = float(page.input_value("#split"))
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#split")) > before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_contrast(open_studio: Callable[..., Studio], scheme: str) -> None:
    studio = open_studio(color_scheme=scheme, reduced_motion="reduce")
    read = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name)"
    color = {
        name: studio.page.evaluate(read, f"--{name}")
        for name in ("background", "surface", "text", "muted", "accent", "inverse")
    }
    for ground in ("background", "surface"):
        assert contrast(color["text"], color[ground]) > 7
        assert contrast(color["muted"], color[ground]) > 4.5
        assert contrast(color["accent"], color[ground]) > 3
    assert contrast(color["inverse"], color["text"]) > 7
    # Without motion the divider is at rest at once.
    assert float(studio.page.input_value("#split")) < 50


def contrast(one: str, other: str) -> float:
    """Return the contrast of two ``#rrggbb`` by WCAG."""

    def luminance(color: str) -> float:
        values = [int(color.strip()[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
