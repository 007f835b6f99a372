from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from adain_core import WeightsError, weights
from adain_core.networks.architecture import VGG19_WIDTHS, Architecture
from adain_core.networks.encoder_decoder import Decoder, Encoder
from adain_core.weights import download

BODY = bytes(range(256)) * 2000


class Server(ThreadingHTTPServer):
    """Answers ``/name`` with ``files[name]``, in the way that ``fault`` says."""

    files: dict[str, bytes]
    fault = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.server.files.get(self.path.removeprefix("/"))
        if body is None:
            self.send_error(404)
            return
        if self.server.fault == "redirected" and not self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header(
                "Location", f"http://127.0.0.1:{self.server.server_port}/moved{self.path}"
            )
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.fault == "stalled":
            self.server.shutting.wait(5)
            return
        self.wfile.write(body[: len(body) // 2] if self.server.fault == "broken" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.shutting = threading.Event()  # type: ignore[attr-defined]
    server.files = dict.fromkeys(download.SHA256, BODY)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(download, "BASE_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(download, "SCHEME", "http")
    digest = hashlib.sha256(BODY).hexdigest()
    monkeypatch.setattr(download, "SHA256", dict.fromkeys(server.files, digest))
    yield server
    server.shutting.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Stands in for the conversion (tested in test_cli): notes the files, writes a small model."""
    seen: dict[str, bytes] = {}

    def convert(vgg: Path, decoder: Path, target: Path) -> None:
        seen.update({"vgg": vgg.read_bytes(), "decoder": decoder.read_bytes()})
        architecture = Architecture((1, 1, 1, 1))
        info = weights.ModelInfo(architecture)
        weights.save_model(target, info, Encoder(architecture), Decoder(architecture))

    monkeypatch.setattr(download, "convert_vgg19", convert)
    return seen


def test_download_into_the_cache(
    server: Server,
    converted: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ADAIN_CACHE", str(tmp_path / "new/cache"))
    path = download.download_vgg19(progress=False)
    assert path == tmp_path / "new/cache/adain-vgg19.safetensors"
    assert converted == {"vgg": BODY, "decoder": BODY}
    assert list(path.parent.iterdir()) == [path]
    assert weights.find_model("adain-vgg19") == path

    server.files.clear()  # a second call asks nobody
    assert download.download_vgg19(progress=False) == path


def test_existing_foreign_file_is_kept(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "adain-vgg19.safetensors"
    path.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="delete the file to download it again"):
        download.download_vgg19(tmp_path)
    assert path.read_bytes() == b"something else"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", r"decoder\.pth cannot be fetched: the server answers 404"),
        ("changed", "decoder.pth is not the expected file: its sha256 is .*, expected "),
        ("broken", r"vgg_normalised\.pth cannot be fetched: the connection broke after 256,000 of"),
        ("stalled", r"vgg_normalised\.pth cannot be fetched: timed out"),
        ("insecure", r"leads to http://127\.0\.0\.1:\d+/vgg_normalised\.pth, which is not https"),
        ("refused", r"vgg_normalised\.pth cannot be fetched: Connection refused"),
    ],
)
def test_faults_are_one_sentence_and_leave_nothing(
    server: Server,
    converted: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    message: str,
) -> None:
    server.fault = fault
    if fault == "missing":
        del server.files["decoder.pth"]
    elif fault == "changed":
        server.files["decoder.pth"] = BODY[:-1] + b"?"
    elif fault == "stalled":
        monkeypatch.setattr(download, "TIMEOUT", 0.2)
    elif fault == "insecure":
        monkeypatch.setattr(download, "SCHEME", "https")
    elif fault == "refused":
        monkeypatch.setattr(download, "BASE_URL", "http://127.0.0.1:9/")
    with pytest.raises(WeightsError, match=message) as error:
        download.download_vgg19(tmp_path, progress=False)
    assert "\n" not in str(error.value)
    assert converted == {}
    assert list(tmp_path.iterdir()) == []


def test_interruption_leaves_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "convert_vgg19", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download.download_vgg19(tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WeightsError, match="file/folder: cannot be written: Not a directory"):
        download.download_vgg19(tmp_path / "file/folder")


def test_only_the_published_files_over_https() -> None:
    assert download.BASE_URL.startswith("https://")
    assert download.SCHEME == "https"
    assert {len(digest) for digest in download.SHA256.values()} == {64}


def test_redirection_is_followed(
    server: Server, converted: dict[str, bytes], tmp_path: Path
) -> None:
    server.fault = "redirected"
    server.files |= {f"moved/{name}": body for name, body in server.files.items()}
    download.download_vgg19(tmp_path, progress=False)
    assert converted == {"vgg": BODY, "decoder": BODY}


def test_convert_reads_the_official_files(shared: Path, tmp_path: Path) -> None:
    folder = shared / "weights"
    target = tmp_path / "model.safetensors"
    download.convert_vgg19(
        folder / "vgg_normalised_relu4_1.pth", folder / "decoder.pth", target, torch.float16
    )
    info, encoder, _ = weights.load_model(target)
    assert info.architecture == Architecture(VGG19_WIDTHS)
    # conv1_1 with the first 1x1 convolution folded in: RGB in 0..1, so its bias takes the mean.
    assert encoder.get_submodule("conv1_1").weight.shape == (64, 3, 3, 3)
    assert target.stat().st_size < 15e6
