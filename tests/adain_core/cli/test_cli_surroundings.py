"""What a process can be started with: every case ends in a sentence or in the work done."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from cli_folder import Folder, error_line

from adain_core import AdaINModel
from adain_core.cli import main

ROOT = Path(__file__).resolve().parents[3]
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX")


def start(code: str, folder: Path, shell: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python in a shell with redirections, where a module of the folder hides another's."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    env.pop("HOME", None)
    words = f'"{sys.executable}" {code} {shell}'
    return subprocess.run(
        words, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )


# --- streams ----------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("shell", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(folder: Folder, shell: str) -> None:
    """The work is done, and no file takes the number of a stream that others print to."""
    photo, artwork, output = folder.save("a.png", 1), folder.save("b.png", 2), folder / "out.png"
    words = f"-m adain_core stylize {photo} --style {artwork} --model {folder.model_path}"
    run = start(f"{words} --device cpu -o {output}", folder.path, shell)
    assert run.returncode == 0
    assert output.read_bytes().startswith(b"\x89PNG")
    assert run.stderr == ""
    assert ("out.png" in run.stdout) == (">&-" not in shell.replace("2>&-", ""))


@posix
def test_a_full_disk_behind_stdout(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    run = start("-m adain_core weights list", tmp_path, ">/dev/full")
    assert (run.returncode, run.stderr) == (1, "adain: error: No space left on device\n")


# --- start-up ---------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    "module",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
        # What becomes of an interrupt within NumPy, within torch.
        "import os, signal\ntry: os.kill(os.getpid(), signal.SIGINT)\n"
        "except KeyboardInterrupt: pass\nraise ImportError('cannot load module more than once')",
    ],
)
@pytest.mark.parametrize("name", ["torch", "argparse"])
def test_ctrl_c_during_start_up(module: str, name: str, tmp_path: Path) -> None:
    if name == "argparse" and "ImportError" in module:
        pytest.skip("Python's own modules are imported or interrupted")
    (tmp_path / f"{name}.py").write_text(module)
    run = start("-m adain_core weights verify adain-slim", tmp_path)
    assert (run.returncode, run.stderr) == (130, "adain: error: interrupted\n")


@posix
def test_no_home_folder(tmp_path: Path) -> None:
    """A container with a bare user id: no HOME, and no entry in the list of users."""
    (tmp_path / "home.py").write_text(
        "import pwd, sys\n"
        "def nobody(_): raise KeyError('no such user')\n"
        "pwd.getpwuid = nobody\n"
        "from adain_core.__main__ import main\n"
        "sys.exit(main())\n"
    )
    run = start(f"{tmp_path / 'home.py'} weights verify adain-slim", tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "adain-slim: ok\n", "")
    run = start(f"{tmp_path / 'home.py'} weights download vgg19", tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("adain: error: found no home folder for models: set")


# --- the file system --------------------------------------------------------------------------


WRITING = {
    "stylize": ("stylize {photo} --style {art} {model}", ".png"),
    "sheet": ("sheet {photo} --style {art} --cell 64 --content-size 32 {model}", ".png"),
    "encode": ("style encode {art} {model}", ".safetensors"),
    "mix": ("style mix {style} {style}", ".safetensors"),
    "video": ("video {clip} --style {art} {model}", ".mp4"),
}


@pytest.fixture
def write(folder: Folder, tiny: AdaINModel) -> Callable[..., int]:
    """``write(command, output, *options)``: run one of the commands above in the folder."""
    files = {
        "photo": folder.save(NOT_UTF8 + ".png", 1),
        "art": folder.save(NOT_UTF8 + "-art.png", 2),
        "style": str(folder / (NOT_UTF8 + ".safetensors")),
        "clip": str(folder / (NOT_UTF8 + ".mkv")),
        "model": f"--model {folder.model_path} --device cpu --dtype fp32",
    }
    tiny.encode_style(files["art"]).save(files["style"])
    with av.open(files["clip"], "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))

    def run(command: str, output: str, *options: str) -> int:
        words, suffix = WRITING[command]
        line = words.format(**files).split()
        return main([*line, "-o", str(folder / (output + suffix)), *options])

    return run


# As file names come from archives and old disks.
NOT_UTF8 = os.fsdecode(b"caf\xe9")


@posix
@pytest.mark.parametrize("command", WRITING)
@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("x" * 300, "File name too long"),
        ("nowhere/out", "there is no folder"),
        ("file/out", "there is no folder"),
        ("loop", "Too many levels of symbolic links"),
    ],
)
def test_places_that_cannot_be_written(
    folder: Folder,
    write: Callable[..., int],
    command: str,
    output: str,
    cause: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loop = output + WRITING[command][1]
    if output == "loop":
        (folder / loop).symlink_to(folder / "other")
        (folder / "other").symlink_to(folder / loop)
    (folder / "file").touch()
    before = folder.names()
    for extra in ([], ["--overwrite"]):
        assert write(command, output, *extra) in (1, 2)
        line = error_line(capsys)
        assert cause in line
        assert "Errno" not in line
    assert folder.names() == before


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
@pytest.mark.parametrize("command", WRITING)
def test_names_that_are_not_utf_8(
    folder: Folder, write: Callable[..., int], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = NOT_UTF8 + "-out"
    assert write(command, output) == 0
    assert (folder / (output + WRITING[command][1])).stat().st_size > 0
    assert r"caf\udce9-out" in capsys.readouterr().out


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may everything")
def test_no_permission(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    photo, artwork = folder.save("a.png", 1), folder.save("b.png", 2)
    (folder / "locked").mkdir(mode=0o500)
    assert folder.run("stylize", photo, "--style", artwork, "-o", folder / "locked/out.png") == 1
    assert error_line(capsys).endswith("out.png: Permission denied")
    Path(artwork).chmod(0)
    assert folder.run("stylize", photo, "--style", artwork, "-o", folder / "out.png") == 1
    assert error_line(capsys) == f"cannot read {artwork}: Permission denied"


# --- numbers ----------------------------------------------------------------------------------

HUGE = ("99999999999999999999", "-99999999999999999999", "9" * 400, "1e400", "nan", "inf", "-inf")


@pytest.mark.parametrize("number", HUGE, ids=lambda number: number[:22])
@pytest.mark.parametrize(
    "option",
    [
        *("--alpha", "--style-weights", "--content-size", "--feather", "--photo-share"),
        *("--stroke-size", "--quality"),
    ],
)
def test_numbers_that_cannot_be(
    folder: Folder, option: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, artwork = folder.save("a.png", 1), folder.save("b.png", 2)
    words = ["stylize", photo, "--style", artwork, "-o", folder / "out.png", f"{option}={number}"]
    if option == "--style-weights" and number == HUGE[0]:
        assert folder.run(*words) == 0  # weights are of any sum
        return
    try:
        assert folder.run(*words) == 2
    except SystemExit as usage:  # argparse's own word
        assert usage.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(("adain: error: ", "adain stylize: error: "))
    assert option in line
    assert not (folder / "out.png").exists()


@pytest.mark.parametrize("number", ["0", *HUGE], ids=lambda number: number[:22])
def test_a_sheet_has_at_most_as_many_columns_as_images(
    folder: Folder, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, artwork = folder.save("a.png", 1), folder.save("b.png", 2)
    words = ["sheet", photo, "--style", artwork, "--model", str(folder.model_path), "--cell", "64"]
    words += ["--device", "cpu", f"--columns={number}", "-o", str(folder / "out.png")]
    if number.isdecimal() and int(number) > 0:
        assert main(words) == 0
        return
    try:
        assert main(words) == 2
    except SystemExit as usage:
        assert usage.code == 2
    assert "--columns" in capsys.readouterr().err
