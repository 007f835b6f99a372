"""The pack in a real ComfyUI, through its HTTP and websocket interface."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import torch.nn.functional as F
from host_server import PACK, ROOT, Client, Server
from torch import Tensor

from adain_core import AdaINModel, Style, adain, load_image
from adain_core.pixels import resize

CONTENT, STYLE = "content/castle.jpg", "style/mosaic.jpg"
WIDTH, HEIGHT = 96, 64


def node(type_: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": type_, "inputs": inputs}


def scaled(source: str, width: int, height: int) -> dict[str, Any]:
    size = {"width": width, "height": height, "crop": "disabled"}
    return node("ImageScale", image=[source, 0], upscale_method="bilinear", **size)


def prompt(**nodes: dict[str, Any]) -> dict[str, Any]:
    """A model, a small photo ``content`` and a small artwork ``style``, and what else is given."""
    return {
        "model": node("AdaINModelLoader", model="adain-slim.safetensors", dtype="fp32"),
        "photo": node("AdaINSampleImage", picture=CONTENT),
        "artwork": node("AdaINSampleImage", picture=STYLE),
        "content": scaled("photo", WIDTH, HEIGHT),
        "style": scaled("artwork", 80, 80),
        **nodes,
    }


def stylized(content: str = "content", **inputs: Any) -> dict[str, Any]:
    sources = {"model": ["model", 0], "content": [content, 0], "style_1": ["style", 0]}
    return node("AdaINStylize", **{**sources, "alpha": 0.8, "style_size": 64, **inputs})


def saved(source: str) -> dict[str, Any]:
    return node("SaveImage", images=[source, 0], filename_prefix="adain-test")


def pixels(name: str, width: int, height: int) -> Tensor:
    """A sample image, resized as ComfyUI's ImageScale does it."""
    return F.interpolate(load_image(ROOT / "samples" / name), (height, width), mode="bilinear")


@pytest.fixture(scope="module")
def library() -> AdaINModel:
    return AdaINModel.from_pretrained(device="cpu", dtype="fp32")


@pytest.fixture(scope="module")
def content() -> Tensor:
    return pixels(CONTENT, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def style() -> Tensor:
    return pixels(STYLE, 80, 80)


def assert_images(found: list[np.ndarray[Any, Any]], expected: Tensor) -> None:
    """Images that ComfyUI saved equal the library's to one step of 255, which is rounding."""
    assert len(found) == len(expected)
    for image, other in zip(found, expected, strict=True):
        # As ComfyUI writes files: cut off, not rounded.
        values = (other.movedim(0, -1).numpy() * 255).clip(0, 255).astype(np.uint8)
        assert image.shape == values.shape
        difference = np.abs(image.astype(int) - values.astype(int))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.01


def output_images(client: Client, prompt: dict[str, Any]) -> list[np.ndarray[Any, Any]]:
    run = client.run(prompt)
    assert run.status == "success", run.message
    return [image for file in run.files("out") for image in client.server.images(file)]


# --- what the pack declares -------------------------------------------------------------------


def test_the_pack_is_loaded_without_a_word_of_complaint(comfyui: Server) -> None:
    log = comfyui.start_log
    assert f"custom_nodes/{PACK}" in log.replace("\\", "/")
    assert "IMPORT FAILED" not in log
    assert "Traceback" not in log


def test_every_node_and_input_is_explained(comfyui: Server, classes: dict[str, Any]) -> None:
    nodes = {
        name: info
        for name, info in comfyui.json("/object_info").items()
        if info["python_module"] == f"custom_nodes.{PACK}"
    }
    assert nodes.keys() == classes.keys()
    for name, info in nodes.items():
        assert name.startswith("AdaIN")
        assert info["category"] == "AdaIN"
        assert "AdaIN" in info["display_name"]
        assert info["description"]
        assert len(info["output_tooltips"]) == len(info["output"])
        assert all(info["output_tooltips"])
        # Hosts from before search aliases do not hand them on.
        assert info.get("search_aliases", ["-"])
        for inputs in {**info["input"], "hidden": {}}.values():
            for input_name, declaration in inputs.items():
                assert declaration[1]["tooltip"], f"{name}: {input_name}"


def test_the_shipped_model_comes_first(comfyui: Server) -> None:
    declared = comfyui.json("/object_info/AdaINModelLoader")["AdaINModelLoader"]["input"]
    assert declared["required"]["model"][0] == ["adain-slim.safetensors", "tiny.safetensors"]


# --- images -----------------------------------------------------------------------------------


def test_stylize_equals_the_library(
    client: Client, library: AdaINModel, content: Tensor, style: Tensor
) -> None:
    found = output_images(client, prompt(stylized=stylized(), out=saved("stylized")))
    assert_images(found, library.stylize(content, style, alpha=0.8, style_size=64))


def test_steps_and_a_saved_style_equal_the_library(
    client: Client, library: AdaINModel, content: Tensor, style: Tensor
) -> None:
    encode = node("AdaINEncodeStyle", model=["model", 0], image=["style", 0], style_size=64)
    other = node("AdaINEncodeStyle", model=["model", 0], image=["content", 0], style_size=0)
    steps = prompt(
        first=encode,
        second=other,
        kept=node("AdaINSaveStyle", style=["first", 0], name="kept", overwrite=True),
        features=node("AdaINEncodeContent", model=["model", 0], image=["content", 0]),
        blend=node(
            "AdaINBlend",
            features=["features", 0],
            alpha=0.9,
            style_1=["kept", 0],
            weight_1=1.0,
            style_2=["second", 0],
            weight_2=0.25,
        ),
        decoded=node("AdaINDecode", model=["model", 0], features=["blend", 0]),
        out=saved("decoded"),
    )
    styles = [library.encode_style(style, size=64), library.encode_style(content, size=0)]
    features = library.encode(content)
    expected = library.decode(adain(features, Style.mix(styles, [1.0, 0.25]), 0.9))
    assert_images(output_images(client, steps), expected)

    listed = client.server.json("/object_info/AdaINLoadStyle")["AdaINLoadStyle"]["input"]
    assert "kept.safetensors" in listed["required"]["style"][0]
    steps["kept"] = node("AdaINLoadStyle", style="kept.safetensors")
    assert_images(output_images(client, steps), expected)


def test_alpha_changes_from_frame_to_frame(
    client: Client, library: AdaINModel, content: Tensor, style: Tensor
) -> None:
    keyframes = node("AdaINAlphaKeyframes", keyframes="0: 0.2, 2: 1")
    stylize = stylized(alpha=["keyframes", 0])
    found = output_images(
        client, prompt(keyframes=keyframes, stylized=stylize, out=saved("stylized"))
    )
    alphas = (0.2, 0.6, 1.0)
    expected = [library.stylize(content, style, alpha=a, style_size=64) for a in alphas]
    assert_images(found, torch.cat(expected))


def test_one_style_turns_into_another(
    client: Client, library: AdaINModel, content: Tensor, style: Tensor
) -> None:
    keyframes = node("AdaINAlphaKeyframes", keyframes="0: 0, 2: 1")
    weights = {"weight_1": ["keyframes", 1], "weight_2": ["keyframes", 0]}
    stylize = stylized(style_2=["content", 0], **weights)
    found = output_images(
        client, prompt(keyframes=keyframes, stylized=stylize, out=saved("stylized"))
    )
    styles = [library.encode_style(each, size=64) for each in (style, content)]
    mixes = [Style.mix(styles, shares) for shares in ([1, 0], [0.5, 0.5], [0, 1])]
    assert_images(found, torch.cat([library.stylize(content, mix, alpha=0.8) for mix in mixes]))


def test_a_saved_style_has_its_artwork_in_the_model_library(client: Client, style: Tensor) -> None:
    """Beside the pack's own, for the gallery of Load AdaIN Style."""
    encode = node("AdaINEncodeStyle", model=["model", 0], image=["style", 0], style_size=0)
    kept = node("AdaINSaveStyle", style=["encoded", 0], name="shown", overwrite=True)
    run = client.run(prompt(encoded=encode, kept=kept))
    assert run.status == "success", run.message
    (card,) = client.server.images(run.files("kept")[0])
    assert card.shape[1] == 384  # artwork, name and place
    files = client.server.json("/experiment/models/adain_styles")
    places = {file["name"]: file["pathIndex"] for file in files}
    assert {"shown.safetensors", "mosaic.safetensors"} <= set(places)
    images = {}
    for name in ("shown", "mosaic"):
        address = f"/experiment/models/preview/adain_styles/{places[f'{name}.safetensors']}"
        data = client.server.get(f"{address}/{name}.safetensors")
        images[name] = np.array(PIL.Image.open(io.BytesIO(data)))
    small = resize(style, (128, 128))[0].movedim(0, -1).numpy() * 255
    assert images["shown"].shape == (128, 128, 3)
    # JPEG leaves little of a mosaic's colors but their means.
    means = (images["shown"] - small).reshape(16, 8, 16, 8, 3).mean(axis=(1, 3))
    assert np.abs(means).mean() < 4
    assert max(images["mosaic"].shape) == 128


def test_masks_equal_the_library(
    client: Client, library: AdaINModel, content: Tensor, style: Tensor
) -> None:
    left = node("SolidMask", value=1.0, width=WIDTH // 2, height=HEIGHT)
    nothing = node("SolidMask", value=0.0, width=WIDTH, height=HEIGHT)
    mask = node(
        "MaskComposite", destination=["nothing", 0], source=["left", 0], x=0, y=0, operation="add"
    )
    masked = prompt(
        left=left,
        nothing=nothing,
        mask=mask,
        stylized=stylized(alpha=1.0, mask_1=["mask", 0]),
        out=saved("stylized"),
    )
    values = torch.zeros(1, 1, HEIGHT, WIDTH)
    values[..., : WIDTH // 2] = 1
    expected = library.stylize(content, [style], masks=[values], style_size=64)
    assert_images(output_images(client, masked), expected)


def test_layers_compose_the_result(
    client: Client, library: AdaINModel, content: Tensor, style: Tensor
) -> None:
    if "ImageCompositor" not in client.server.json("/object_info"):
        pytest.skip("this ComfyUI has no layers")
    flat = node("ImageCompositor", layers=["stylized", 1], compositor={})
    (found,) = output_images(client, prompt(stylized=stylized(), flat=flat, out=saved("flat")))
    expected = library.stylize(content, style, alpha=0.8, style_size=64)[0].movedim(0, -1)
    assert found.shape == expected.shape
    # Layers are composed in linear light, and back.
    assert np.abs(found - 255 * expected.numpy()).max() <= 2


# --- progress and cancel ----------------------------------------------------------------------


def test_a_batch_announces_its_progress(client: Client) -> None:
    batch = prompt(
        many=node("RepeatImageBatch", image=["content", 0], amount=7),
        stylized=stylized("many", alpha=0.7),
        out=saved("stylized"),
    )
    run = client.run(batch)
    assert run.status == "success", run.message
    assert len(run.files("out")) == 7
    steps = [value for value, total in run.progress["stylized"] if total == 800]
    # The artwork, then the images, which go together as far as they fill a tile. ComfyUI 0.33
    # passes on ten steps a second at most.
    assert steps == sorted(steps) and steps[-1] == 800 and len(set(steps)) > 1


def test_an_image_is_previewed_while_its_tiles_are_stylized(client: Client) -> None:
    shown, plain = (
        client.run(prompt(stylized=stylized(alpha=alpha, **tile), out=saved("stylized")))
        for alpha, tile in ((0.73, {"tile": 64, "stroke_size": "single"}), (0.74, {}))
    )
    assert shown.status == plain.status == "success"
    assert shown.previews >= 1
    assert plain.previews == 0  # one tile, and done


def test_cancel_ends_a_long_run_and_the_next_one_works(client: Client) -> None:
    long = prompt(
        content=scaled("photo", 384, 256),
        many=node("RepeatImageBatch", image=["content", 0], amount=240),
        stylized=stylized("many", alpha=0.6),
        out=saved("stylized"),
    )
    run = client.run(long, cancel_at=2)
    assert run.status == "interrupted"
    assert run.cancel_seconds < 10
    assert run.progress["stylized"][-1][0] < 60 * 100
    again = client.run(prompt(stylized=stylized(alpha=0.5), out=saved("stylized")))
    assert again.status == "success", again.message


# --- what users are told ----------------------------------------------------------------------


def test_an_image_of_nan_is_explained(client: Client) -> None:
    broken = prompt(
        broken=node("TestsBrokenImage", size=64),
        stylized=stylized("broken"),
        out=saved("stylized"),
    )
    run = client.run(broken)
    assert run.status == "error"
    assert "content: entry 2 of 2: " in run.message
    assert "NaN" in run.message
    assert "look at the node that is connected to content" in run.message


def test_a_style_of_another_model_is_explained(client: Client) -> None:
    other = prompt(
        other=node("AdaINModelLoader", model="tiny.safetensors", dtype="fp32"),
        encoded=node("AdaINEncodeStyle", model=["other", 0], image=["style", 0], style_size=64),
        stylized=stylized(style_1=["encoded", 0]),
        out=saved("stylized"),
    )
    run = client.run(other)
    assert run.status == "error"
    assert "they come from different encoders. In Load AdaIN Model choose" in run.message
    assert "or encode the image again with this one" in run.message


def test_a_missing_model_is_explained_before_anything_runs(client: Client) -> None:
    missing = prompt(stylized=stylized(), out=saved("stylized"))
    missing["model"]["inputs"]["model"] = "gone.safetensors"
    run = client.run(missing)
    assert run.status == "refused"
    assert "There is no AdaIN model 'gone.safetensors'" in run.message
    assert "tiny.safetensors" in run.message
