"""What nodes leave alone: the host's modules at import, state between runs, files elsewhere."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from node_ids import NODE_IDS

ROOT = Path(__file__).resolve().parents[2]
NODES = sorted((ROOT / "nodes").glob("*.py"))
# Imports the pack as the host does, runs nodes of all kinds twice, and prints what it saw.
SCRIPT = """
import importlib.util, json, sys
import torch
root = sys.argv[1]
hosts = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "execution", "folder_paths",
         "latent_preview", "node_helpers", "nodes", "server"}
asked = set()

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in hosts:
            asked.add(name)

sys.meta_path.insert(0, Watch)
spec = importlib.util.spec_from_file_location(
    root, root + "/__init__.py", submodule_search_locations=[root])
pack = sys.modules[root] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)
touched, watching = set(), True

def audit(event, arguments):
    if watching and event in ("open", "os.listdir", "os.scandir"):
        if isinstance(arguments[0], str | bytes):
            touched.add(arguments[0] if isinstance(arguments[0], str) else arguments[0].decode())

sys.addaudithook(audit)
kept = []

def run(node_id, **inputs):
    class_ = pack.NODE_CLASS_MAPPINGS[node_id]
    class_.INPUT_TYPES()
    before, node = dict(vars(class_)), class_()
    with torch.inference_mode():
        result = getattr(node, class_.FUNCTION)(**inputs)
    kept.append(vars(node) != {} or dict(vars(class_)) != before)
    return result["result"] if isinstance(result, dict) else result

def run_all():
    photo, mask = run("AdaINSampleImage", picture="content/castle.jpg")
    photo, mask = photo[:, ::40, ::40], mask[:, ::40, ::40]
    (art,) = run("AdaINColorPreserve", image=photo.flip(1), color_reference=photo, method="coral",
                 strength=1.0)
    (model,) = run("AdaINModelLoader", model="adain-slim.safetensors", dtype="fp32")
    (features,) = run("AdaINEncodeContent", image=photo, model=model)
    (style,) = run("AdaINEncodeStyle", image=art, style_size=32, model=model)
    run("AdaINSaveStyle", style=style, name="mine", overwrite=True)
    (style,) = run("AdaINLoadStyle", style="mine.safetensors")
    blended, _ = run("AdaINBlend", features=features, style_1=style, alpha=1.0, weight_1=1.0)
    run("AdaINMasked", features=features, style_1=style, mask_1=mask, alpha=1.0, feather=2,
        region_statistics=True)
    (decoded,) = run("AdaINDecode", features=blended, model=model)
    alphas, _ = run("AdaINAlphaKeyframes", keyframes="0: 0, 1: 1")
    result, _ = run("AdaINStylize", content=photo, style_1=art, alpha=alphas, model=model,
                   temporal="ema")
    return [decoded, result]

first, second = run_all(), run_all()
watching = False
print(json.dumps({
    "asked": sorted(asked), "kept": any(kept), "touched": sorted(touched),
    "same": all(torch.equal(one, other) for one, other in zip(first, second)),
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    user = tmp_path_factory.mktemp("user")
    environment = {"ADAIN_CACHE": str(user), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-B", "-c", SCRIPT, str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
        cwd=user,
        env=environment,
    )
    return {**json.loads(run.stdout), "user": user}


def test_the_one_module_of_the_hosts_that_is_asked_for_may_be_missing(
    seen: dict[str, Any],
) -> None:
    assert seen["asked"] == ["folder_paths"]


def test_nodes_keep_nothing_between_runs(seen: dict[str, Any]) -> None:
    """Neither on the node nor on its class; and a second run gives the same images."""
    assert seen["kept"] is False
    assert seen["same"] is True


def test_nodes_touch_no_file_outside_the_hosts_folders(seen: dict[str, Any]) -> None:
    """But the pack's own, Python's own, and what the system says of its memory."""
    allowed = [seen["user"], ROOT, Path(sys.prefix), Path(sys.base_prefix)]
    allowed += [Path("/proc"), Path("/sys"), *(Path(path) for path in sys.path if path)]
    outside = [
        path
        for path in map(Path, seen["touched"])
        if path.is_absolute() and not any(path.is_relative_to(place) for place in allowed)
    ]
    assert outside == []
    assert any(path.startswith(str(seen["user"])) for path in seen["touched"])


@pytest.mark.parametrize("path", NODES, ids=lambda path: path.name)
def test_no_node_writes_to_itself_or_to_its_module(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global)]
    classes = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name in NODE_IDS]
    for class_ in classes:
        written = [
            ast.unparse(node)
            for node in ast.walk(class_)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
        ]
        assert written == [], class_.name
