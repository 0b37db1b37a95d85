"""Weights are fetched from a real server, whole and of the right hash, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from geoseg.cli.console import Console, Verbosity
from geoseg.cli.fetch import fetch

from geoseg.errors import ModelError, OutputError

WEIGHTS = bytes(range(256)) * 5000
SHA = hashlib.sha256(WEIGHTS).hexdigest()
CONSOLE = Console(Verbosity(level=-1))


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/none":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(WEIGHTS)))
        self.end_headers()
        self.wfile.write(WEIGHTS[: len(WEIGHTS) // 2] if self.path == "/half" else WEIGHTS)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


def test_fetched_and_kept(server: str, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model.onnx"
    fetch(f"{server}/model", SHA.upper(), target, CONSOLE)
    assert target.read_bytes() == WEIGHTS
    fetch(f"{server}/none", SHA, target, CONSOLE)  # it is there: the address is not asked
    assert [path.name for path in target.parent.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("path", "sha", "told"),
    [("/model", "0" * 64, "SHA-256 is"), ("/none", SHA, "Not Found"), ("/half", SHA, "broke off|SHA-256")],
)
def test_refused_and_removed(path: str, sha: str, told: str, server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=told):
        fetch(server + path, sha, tmp_path / "model.onnx", CONSOLE)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_where_the_new_one_is_refused(server: str, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")
    with pytest.raises(ModelError, match="nothing was kept"):
        fetch(f"{server}/model", "0" * 64, target, CONSOLE)
    assert target.read_bytes() == b"old"


def test_only_http(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="http"):
        fetch("file:///etc/hostname", SHA, tmp_path / "a", CONSOLE)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be fetched"):
        fetch("http://127.0.0.1:9/model", SHA, tmp_path / "a", CONSOLE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch(f"{server}/model", SHA, tmp_path / "file" / "model.onnx", CONSOLE)
