"""Load AdaIN Sample Image."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from graph import ROOT

from adain_core import load_image
from adain_core.pixels import as_float

FOLDERS = {"content": "jpg", "style": "jpg", "mask": "png"}


def names(pack: Any) -> list[str]:
    node = pack.module.NODE_CLASS_MAPPINGS["AdaINSampleImage"]
    return list(node.INPUT_TYPES()["required"]["picture"][0])


def test_names(pack: Any) -> None:
    """Photos first, so that a new node shows one; names are what workflows hold."""
    files = [
        f"{folder}/{path.name}"
        for folder in FOLDERS
        for path in sorted((ROOT / "samples" / folder).iterdir())
    ]
    assert names(pack) == [*files, "video/castle"]
    with pytest.raises(ValueError, match=r"no sample 'content/x.jpg'; the samples are content/"):
        pack.run("AdaINSampleImage", picture="content/x.jpg")


@pytest.mark.parametrize("name", ["content/coffee.jpg", "style/mosaic.jpg", "mask/castle.png"])
def test_images_equal_the_samples(pack: Any, name: str) -> None:
    image, _ = pack.run("AdaINSampleImage", picture=name)
    expected = as_float(load_image(ROOT / "samples" / name))
    torch.testing.assert_close(image, expected.movedim(1, -1))


@pytest.mark.parametrize("name", ["castle", "kingfisher"])
def test_masks(pack: Any, name: str) -> None:
    """As large as their photos, black and white but for a soft border; also beside the photo."""
    image, mask = pack.run("AdaINSampleImage", picture=f"mask/{name}.png")
    photo, subject = pack.run("AdaINSampleImage", picture=f"content/{name}.jpg")
    assert mask.shape == photo.shape[:3]
    assert torch.equal(image[..., 0], mask) and torch.equal(subject, mask)
    assert 0.1 < mask.mean() < 0.7
    assert ((mask > 0.02) & (mask < 0.98)).float().mean() < 0.05


@pytest.mark.parametrize("name", ["content/coffee.jpg", "style/mosaic.jpg"])
def test_without_a_known_subject_the_mask_is_the_whole(pack: Any, name: str) -> None:
    image, mask = pack.run("AdaINSampleImage", picture=name)
    assert torch.equal(mask, torch.ones(image.shape[:3]))


def test_the_node_shows_what_it_loaded(host: Any, tmp_path: Any) -> None:
    node = host.pack.module.NODE_CLASS_MAPPINGS["AdaINSampleImage"]()
    for name, size in (("content/coffee.jpg", None), ("video/castle", (256, 384))):
        output = node.load(name)
        (file,) = output["ui"]["images"]
        shown = load_image(tmp_path / "temp" / file["filename"]).movedim(1, -1)
        image = output["result"][0][:1]
        assert shown.shape == image.shape and (size is None or shown.shape[1:3] == size)
        assert (shown - image).abs().mean() < 0.02


def test_video(pack: Any) -> None:
    """24 frames cut from a photo; what stands still is the same in the next one."""
    frames, mask = pack.run("AdaINSampleImage", picture="video/castle")
    assert frames.shape == (24, 256, 384, 3)
    assert torch.equal(mask, torch.ones(1, 256, 384))
    # The window moves from corner to corner: 256 pixels down and 384 to the right, in 23 steps.
    down, right = round(256 / 23), round(384 / 23)
    torch.testing.assert_close(frames[0, down:, right:], frames[1, :-down, :-right])
    assert not torch.equal(frames[0], frames[-1])


def test_every_file_has_its_origin_in_the_readme() -> None:
    readme = (ROOT / "samples" / "README.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        for path in (ROOT / "samples" / folder).iterdir():
            assert f"`{folder}/{path.name}`" in readme
