"""Command lines on small files, and words that people or machines put into them."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import seeds

WORDS = (
    *("photo.png", "art.jpg", "style.safetensors", "clip.mp4", "tree", "mask.png", "no.png", "out"),
    *("out.png", "out.mp4", "out.gif", "out.mkv", "f/%d.png", "%99999999d.png", "%s%s%n.png", "*"),
    *("", ".", "..", "-", "--", "a" * 300, "a/" * 3000, "[", "*.png", "[!a]*.png", "**", "\n", "é"),
    *("\udcff.png", "a:b.mp4", "http://127.0.0.1:9/a.mp4", "data:,", "con.png", "\x1b[31m.png"),
    *("0", "1", "-1", "0.5", "1e400", "-1e400", "nan", "inf", "9" * 20, "9" * 400, "0x10", "1_0"),
    *("1/0", "24000/1001", "1:12.5", "99:99:99", "٣", "1,2", "1 2", "true", "None", "5s=art.jpg"),
    *("0=art.jpg", "9s=style.safetensors,alpha=nan", "=,=", "120=art.jpg,weights=1:0"),
    *("--alpha", "--style", "--style-weights", "--mask", "--background", "--feather", "--tile"),
    *("--content-size", "--style-size", "--stroke-size", "--photo-share", "--preserve-color"),
    *("coral", "luminance", "reinhard", "--content-residual", "--global-statistics", "--overwrite"),
    *(
        "--json",
        "--quality",
        "--format",
        "webp",
        "-o",
        "--device",
        "cpu",
        "cuda",
        "meta",
        "--dtype",
    ),
    *("fp16", "bf16", "--model", "--fps", "--start", "--end", "--keyframe", "--temporal", "window"),
    *("--temporal-length", "--codec", "vp9", "--chroma", "444", "--resume", "--weights", "--cell"),
    *("--columns", "--refine", "--method", "swap", "--steps", "--help", "--version"),
)
# As small as they get: many are tried.
_LINES = (
    "stylize photo.png --style art.jpg -o out.png",
    "stylize photo.png tree --style art.jpg style.safetensors -o out --content-size 16",
    "stylize photo.png --style art.jpg --mask mask.png --feather 2 -o out.png --overwrite",
    "stylize photo.png --style art.jpg --preserve-color coral --alpha 0.5 -o out.png --tile 64",
    "sheet photo.png --style art.jpg style.safetensors -o out.png --content-size 16 --cell 32",
    "video clip.mp4 --style art.jpg -o out.mp4 --content-size 16 --end 0.1",
    "video clip.mp4 --keyframe 0=art.jpg --keyframe 2=style.safetensors,alpha=0.5 -o f/%d.png",
    "style encode art.jpg -o new.safetensors",
    "style mix style.safetensors style.safetensors --weights 1 2 -o new.safetensors",
    "style info style.safetensors",
    "weights info model.safetensors",
    "weights list --json",
)


def lines() -> list[bytes]:
    """Return whole command lines, their words separated by zeros."""
    return [line.replace(" ", "\0").encode() for line in _LINES]


def lay_out(folder: Path) -> None:
    """Write the files that the command lines name."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    seeds.make_image().save(folder / "photo.png")
    seeds.make_image(size=(16, 16)).save(folder / "art.jpg")
    seeds.make_image("L").save(folder / "mask.png")
    (folder / "tree" / "a").mkdir(parents=True)
    seeds.make_image().save(folder / "tree" / "a" / "1.png")
    (folder / "tree" / "broken.png").write_bytes(b"no image")
    (folder / "style.safetensors").write_bytes(seeds.styles()[0])
    (folder / "model.safetensors").write_bytes(seeds.models()[0])
    (folder / "clip.mp4").write_bytes(seeds.videos()[0])
