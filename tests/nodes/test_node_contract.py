"""What the host and its page read of every node."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import Any

import pytest
from node_ids import NODE_IDS

from adain_core import color

# Names that saved workflows hold: a test that fails here is a workflow that breaks.
WIDGETS = {
    "AdaINModelLoader": ["model", "dtype"],
    "AdaINStylize": [
        *("alpha", "preserve_color", "style_size"),
        *("weight_1", "weight_2", "weight_3", "weight_4", "feather", "region_statistics"),
        *("tile", "temporal", "temporal_length", "content_residual", "stroke_size", "photo_share"),
    ],
    "AdaINStylizeVideo": [
        *("alpha", "preserve_color", "style_size", "weight_1", "weight_2", "weight_3", "weight_4"),
        *("tile", "temporal", "temporal_length", "content_residual", "feather"),
        *("region_statistics", "stroke_size", "photo_share"),
        "bit_depth",
    ],
    "AdaINEncodeContent": ["photo_share"],
    "AdaINEncodeStyle": ["style_size"],
    "AdaINBlend": [
        *("alpha", "weight_1", "weight_2", "weight_3", "weight_4", "temporal", "temporal_length"),
    ],
    "AdaINMasked": ["alpha", "feather", "region_statistics", "temporal", "temporal_length"],
    "AdaINDecode": [],
    "AdaINAlphaKeyframes": ["keyframes", "frames", "easing"],
    "AdaINColorPreserve": ["method", "strength"],
    "AdaINSaveStyle": ["name", "overwrite", "preview"],
    "AdaINLoadStyle": ["style"],
    "AdaINSampleImage": ["picture"],
    "AdaINRefine": [
        *("steps", "alpha", "preserve_color", "style_size"),
        *("weight_1", "weight_2", "weight_3", "weight_4", "feather", "region_statistics"),
    ],
}
SOCKETS = {
    "AdaINModelLoader": [],
    "AdaINStylize": [
        *("content", "style_1", "model", "mask_1", "style_2", "mask_2"),
        *("style_3", "mask_3", "style_4", "mask_4"),
    ],
    "AdaINStylizeVideo": [
        *("video", "style_1", "model", "style_2", "style_3", "style_4"),
        *("mask_1", "mask_2", "mask_3", "mask_4"),
    ],
    "AdaINEncodeContent": ["image", "model", "underpainting"],
    "AdaINEncodeStyle": ["image", "model", "mask"],
    "AdaINBlend": ["features", "style_1", "style_2", "style_3", "style_4"],
    "AdaINMasked": [
        *("features", "style_1", "mask_1", "style_2", "mask_2"),
        *("style_3", "mask_3", "style_4", "mask_4", "background"),
    ],
    "AdaINDecode": ["features", "model", "content"],
    "AdaINAlphaKeyframes": ["images"],
    "AdaINColorPreserve": ["image", "color_reference"],
    "AdaINSaveStyle": ["style"],
    "AdaINLoadStyle": [],
    "AdaINSampleImage": [],
    "AdaINRefine": [
        *("image", "content", "style_1", "model", "mask_1", "style_2", "mask_2"),
        *("style_3", "mask_3", "style_4", "mask_4"),
    ],
}
WIDGET_TYPES = ("INT", "FLOAT", "BOOLEAN", "STRING")


def all_inputs(node: Any) -> dict[str, tuple[Any, dict[str, Any]]]:
    declared = node.INPUT_TYPES()
    assert set(declared) <= {"required", "optional", "hidden"}
    return {**declared["required"], **declared.get("optional", {})}


def is_widget(kind: Any) -> bool:
    return isinstance(kind, list) or kind in WIDGET_TYPES


def test_ids(pack: Any) -> None:
    assert list(pack.module.NODE_CLASS_MAPPINGS) == NODE_IDS
    names = pack.module.NODE_DISPLAY_NAME_MAPPINGS
    assert list(names) == NODE_IDS
    assert len(set(names.values())) == len(NODE_IDS)


@pytest.mark.parametrize("node_id", NODE_IDS)
class TestNode:
    def test_texts(self, pack: Any, node_id: str) -> None:
        node = pack.module.NODE_CLASS_MAPPINGS[node_id]
        assert node.CATEGORY == "AdaIN"
        assert node.DESCRIPTION.endswith(".")
        assert len(node.SEARCH_ALIASES) >= 3 and all(node.SEARCH_ALIASES)
        assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == len(node.OUTPUT_TOOLTIPS) > 0
        assert all(text.endswith(".") for text in node.OUTPUT_TOOLTIPS)

    def test_inputs(self, pack: Any, node_id: str) -> None:
        inputs = all_inputs(pack.module.NODE_CLASS_MAPPINGS[node_id])
        widgets = [name for name, (kind, _) in inputs.items() if is_widget(kind)]
        assert widgets == WIDGETS[node_id]
        assert [name for name in inputs if name not in widgets] == SOCKETS[node_id]
        for name, (kind, options) in inputs.items():
            assert options["tooltip"].strip().endswith("."), name
            if kind in ("INT", "FLOAT"):
                assert options["min"] <= options["default"] <= options["max"], name
                assert 0 < options["step"] <= options["max"] - options["min"], name
            if isinstance(kind, list) and "default" in options:
                assert options["default"] in kind, name

    def test_function(self, pack: Any, node_id: str) -> None:
        node = pack.module.NODE_CLASS_MAPPINGS[node_id]
        declared = node.INPUT_TYPES()
        parameters = dict(inspect.signature(getattr(node, node.FUNCTION)).parameters)
        del parameters["self"]
        # The large nodes read the others by their declarations.
        rest = parameters.pop("inputs", None)
        assert rest is None or rest.kind is inspect.Parameter.VAR_KEYWORD
        names = {*all_inputs(node), *declared.get("hidden", {})}
        assert set(parameters) <= names if rest else set(parameters) == names
        for name, parameter in parameters.items():
            if name in declared["required"]:
                assert parameter.default is inspect.Parameter.empty, name
            else:  # what the host leaves out has the value that the page shows
                options = all_inputs(node).get(name, (None, {}))[1]
                assert parameter.default == options.get("default"), name

    def test_linked_inputs(self, pack: Any, node_id: str) -> None:
        node = pack.module.NODE_CLASS_MAPPINGS[node_id]
        if hasattr(node, "VALIDATE_INPUTS"):
            names = inspect.signature(node.VALIDATE_INPUTS).parameters
            assert node.VALIDATE_INPUTS(**dict.fromkeys(names)) is True
        if hasattr(node, "IS_CHANGED"):
            names = inspect.signature(node.IS_CHANGED).parameters
            assert set(names) == set(all_inputs(node))
            assert node.IS_CHANGED(**dict.fromkeys(names)) == ""

    def test_json(self, pack: Any, node_id: str) -> None:
        node = pack.module.NODE_CLASS_MAPPINGS[node_id]
        json.dumps([node.INPUT_TYPES(), node.RETURN_TYPES, node.SEARCH_ALIASES])


def test_combos(pack: Any) -> None:
    nodes = pack.module.NODE_CLASS_MAPPINGS
    methods = list(color.METHODS)
    # Saved workflows name these.
    assert {"coral", "histogram", "luminance", "mean_std", "cholesky"} <= {*methods}
    assert all_inputs(nodes["AdaINColorPreserve"])["method"][0] == methods
    assert all_inputs(nodes["AdaINStylize"])["preserve_color"][0] == ["none", *methods]
    dtypes = all_inputs(nodes["AdaINModelLoader"])["dtype"][0]
    assert dtypes == ["auto", "fp32", "bf16", "fp16"]


def test_what_alpha_0_gives(pack: Any) -> None:
    """The image itself is Style Transfer (AdaIN)'s alone: elsewhere the content comes encoded."""
    nodes = pack.module.NODE_CLASS_MAPPINGS
    for node_id, text in (
        ("AdaINStylize", "0 keeps the content, 1 gives"),
        ("AdaINBlend", "0 gives the decoder's reconstruction of the content, 1 the"),
        ("AdaINMasked", "0 gives the decoder's reconstruction of the content, 1 the"),
    ):
        assert text in all_inputs(nodes[node_id])["alpha"][1]["tooltip"]


def test_import_is_light(pack: Any) -> None:
    """Neither torchvision nor a module of the host's is imported, and sys.path stays as it is."""
    script = (
        "import importlib.util, sys; before = list(sys.path); root = sys.argv[1]\n"
        "spec = importlib.util.spec_from_file_location(root, root + '/__init__.py', "
        "submodule_search_locations=[root])\n"
        "module = importlib.util.module_from_spec(spec); sys.modules[root] = module\n"
        "spec.loader.exec_module(module); assert sys.path == before\n"
        "heavy = {'torchvision', 'comfy', 'folder_paths', 'nodes', 'adain_core'}\n"
        "print(len(module.NODE_CLASS_MAPPINGS), sorted(heavy & set(sys.modules)))"
    )
    folder = pack.module.__path__[0]
    run = subprocess.run(
        [sys.executable, "-I", "-c", script, folder], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == f"{len(NODE_IDS)} []"
