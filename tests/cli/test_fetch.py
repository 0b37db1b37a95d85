"""Weights are fetched from a real server, whole and of the right hash, or not at all."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from geoseg.cli import fetch as fetch_module
from geoseg.cli.console import Console, Verbosity
from geoseg.cli.fetch import download, has_sha256

from geoseg.errors import FetchError, ModelError, OutputError
from tests.disks import small_disk

WEIGHTS = bytes(range(256)) * 5000
SHA = hashlib.sha256(WEIGHTS).hexdigest()
CONSOLE = Console(Verbosity(level=-1)).progress


class _Handler(BaseHTTPRequestHandler):
    """Answers as the path asks for: well, badly, or not as a web server does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        name = self.path.strip("/").split("?")[0]
        answer: Callable[[], None] = getattr(self, f"_{name}", self._none)
        answer()

    def _send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _none(self) -> None:
        self.send_error(404)

    def _model(self) -> None:
        self._send(WEIGHTS, Content_Length=str(len(WEIGHTS)))

    def _unsized(self) -> None:
        self._send(WEIGHTS)

    def _chunked(self) -> None:
        parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (WEIGHTS[:1000], WEIGHTS[1000:]))
        self._send(parts + b"0\r\n\r\n", Transfer_Encoding="chunked")

    def _half(self) -> None:
        self._send(WEIGHTS[: len(WEIGHTS) // 2], Content_Length=str(len(WEIGHTS)))

    def _half_chunk(self) -> None:
        self._send(b"ffff\r\n" + WEIGHTS[:100], Transfer_Encoding="chunked")

    def _no_chunk(self) -> None:
        self._send(b"no number\r\n" + WEIGHTS, Transfer_Encoding="chunked")

    def _no_length(self) -> None:
        self._send(WEIGHTS, Content_Length="many")

    def _negative(self) -> None:
        self._send(WEIGHTS, Content_Length="-5")

    def _huge(self) -> None:
        self._send(WEIGHTS[:100], Content_Length=str(10**15))

    def _part(self) -> None:
        self._send(WEIGHTS, 206, Content_Length=str(len(WEIGHTS)))

    def _packed(self) -> None:
        self._send(WEIGHTS, Content_Length=str(len(WEIGHTS)), Content_Encoding="gzip")

    def _garbage(self) -> None:
        self.wfile.write(b"\x1b[31mnot http\r\n\r\n")

    def _long_line(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10**6 + b"\r\n\r\n")

    def _silent(self) -> None:
        pass

    def _rest(self) -> None:
        """A third of the file, or of what is left of it."""
        start = self._start()
        body = WEIGHTS[start : start + len(WEIGHTS) // 3 + 1]
        self._send(
            body,
            206 if start else 200,
            Content_Length=str(len(WEIGHTS) - start),
            **({"Content_Range": f"bytes {start}-{len(WEIGHTS) - 1}/{len(WEIGHTS)}"} if start else {}),
        )

    def _other_rest(self) -> None:
        """The first part of the file, then a part that was not asked for."""
        if not self._start():
            self._half()
        else:
            self._send(WEIGHTS[:10], 206, Content_Length="10", Content_Range="bytes 0-9/1280000")

    def _longer_rest(self) -> None:
        if not self._start():
            self._half()
        else:
            start = self._start()
            self._send(WEIGHTS[start:], 206, Content_Range=f"bytes {start}-{start + 9}/{10**13}")

    def _no_rest(self) -> None:
        if self._start():
            self.send_error(416)
        else:
            self._half()

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        self._slowly(b"x")

    def _dripping_head(self) -> None:
        self._slowly(b"HTTP/1.1 200 OK\r\n")

    def _tail(self) -> None:
        """The file, and lines after it that never end."""
        self._send(b"%x\r\n%s\r\n0\r\n" % (len(WEIGHTS), WEIGHTS), Transfer_Encoding="chunked")
        self._slowly(b"T: x\r\n")

    def _dripping_chunk(self) -> None:
        self._send(b"", Transfer_Encoding="chunked")
        self._slowly(b"0")

    def _slowly(self, text: bytes) -> None:
        with suppress(OSError):
            for index in range(10**6):
                self.wfile.write(text[index % len(text) :][:1])
                time.sleep(0.02)

    def _start(self) -> int:
        asked = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        return int(asked[1]) if asked else 0

    def _here(self) -> None:
        self._send(b"", 302, Location="/model", Content_Length="0")

    def _loop(self) -> None:
        self._send(b"", 302, Location="/loop", Content_Length="0")

    def _nowhere(self) -> None:
        self._send(b"", 302, Content_Length="0")

    def _file(self) -> None:
        self._send(b"", 302, Location="file:///etc/hostname", Content_Length="0")

    def _ftp(self) -> None:
        self._send(b"", 302, Location="ftp://127.0.0.1/model", Content_Length="0")

    def _port(self) -> None:
        self._send(b"", 302, Location="http://127.0.0.1:99999999/", Content_Length="0")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with _Server(("127.0.0.1", 0), _Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


@pytest.mark.parametrize("path", ["model", "unsized", "chunked", "here", "model?a=../b"])
@pytest.mark.parametrize("size", [None, len(WEIGHTS)])
def test_fetched(path: str, size: int | None, server: str, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    download(f"{server}/{path}", SHA.upper(), target, CONSOLE, size=size)
    assert target.read_bytes() == WEIGHTS
    assert has_sha256(target, SHA.upper())
    assert [item.name for item in tmp_path.iterdir()] == ["model.onnx"]
    assert not has_sha256(target, "0" * 64)
    assert not has_sha256(tmp_path, SHA)


def test_the_rest_is_asked_for(server: str, tmp_path: Path) -> None:
    """After a lost connection, in the same run."""
    download(f"{server}/rest", SHA, tmp_path / "model.onnx", CONSOLE, size=len(WEIGHTS))
    assert (tmp_path / "model.onnx").read_bytes() == WEIGHTS


@pytest.mark.parametrize("path", ["rest", "model", "unsized", "chunked"])
@pytest.mark.parametrize("begun", [WEIGHTS[:1000], b"", WEIGHTS, WEIGHTS + b"more"])
def test_what_was_kept_is_completed(path: str, begun: bytes, server: str, tmp_path: Path) -> None:
    """Also by servers that send the file from its start."""
    kept = tmp_path / "kept"
    kept.write_bytes(begun)
    download(f"{server}/{path}", SHA, tmp_path / "model.onnx", CONSOLE, size=len(WEIGHTS), kept=kept)
    assert (tmp_path / "model.onnx").read_bytes() == WEIGHTS
    assert [item.name for item in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("path", "left"), [("half", 640_000), ("none", 0), ("drip", 1), ("other_rest", 640_000)]
)
def test_a_beginning_is_kept(
    path: str, left: int, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "DEADLINE_S", 0.5)
    kept = tmp_path / "kept"
    with pytest.raises(FetchError):
        download(f"{server}/{path}", SHA, tmp_path / "model.onnx", CONSOLE, kept=kept)
    assert not (tmp_path / "model.onnx").exists()
    assert (kept.stat().st_size if kept.exists() else 0) >= left


def test_a_beginning_of_another_file_is_removed(server: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(b"other" * 1000)
    with pytest.raises(ModelError, match="the file was removed"):
        download(f"{server}/rest", SHA, tmp_path / "model.onnx", CONSOLE, kept=kept)
    assert list(tmp_path.iterdir()) == []


def test_two_downloads_of_one_file(server: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(WEIGHTS[:1000])
    fcntl = pytest.importorskip("fcntl")
    with kept.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another process"):
            download(f"{server}/model", SHA, tmp_path / "model.onnx", CONSOLE, kept=kept)
    assert kept.read_bytes() == WEIGHTS[:1000]


@pytest.mark.parametrize(("path", "limit"), [("drip", "DEADLINE_S"), ("dripping_head", "ANSWER_S")])
def test_a_slow_drip_ends_at_the_deadline(
    path: str, limit: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a byte comes."""
    monkeypatch.setattr(fetch_module, limit, 0.5)
    with pytest.raises(FetchError, match="took too long") as caught:
        download(f"{server}/{path}", SHA, tmp_path / "model.onnx", CONSOLE)
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_slow_download_is_given_up(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "SPEED_PERIOD_S", 0.3)
    with pytest.raises(FetchError, match="too slow"):
        download(f"{server}/drip", SHA, tmp_path / "model.onnx", CONSOLE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["tail", "dripping_chunk"])
def test_lines_that_never_end_are_given_up(
    path: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading of heads and tails of chunks returns no bytes by which a download would be too slow."""
    monkeypatch.setattr(fetch_module, "SPEED_PERIOD_S", 0.5)
    with pytest.raises(FetchError, match="took too long"):
        download(f"{server}/{path}", SHA, tmp_path / "model.onnx", CONSOLE)
    assert list(tmp_path.iterdir()) == []


def test_offline(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_OFFLINE", "1")
    with pytest.raises(FetchError, match="offline"):
        download(f"{server}/model", SHA, tmp_path / "model.onnx", CONSOLE)
    assert list(tmp_path.iterdir()) == []


BROKEN = {
    "other_rest": "Content-Range 'bytes 0-9",
    "longer_rest": "the limit for weights",
    "no_rest": "416",
    "none": "404 Not Found",
    "half": "stopped after 640,000 of 1,280,000",
    "half_chunk": "connection was lost",
    "no_chunk": "connection was lost",
    "no_length": "Content-Length 'many'",
    "negative": "Content-Length '-5'",
    "huge": "the limit for weights is 2,147,483,648",
    "part": "status 206",
    "packed": "gzip",
    "garbage": r"not HTTP .*\?\[31mnot http",
    "long_line": "not HTTP",
    "silent": "not HTTP",
    "loop": "loop",
    "nowhere": "302",
    "file": "file:///etc/hostname",
    "ftp": "ftp://",
    "port": "cannot be downloaded|not HTTP",
}


@pytest.mark.parametrize("path", BROKEN)
def test_broken_answers_are_exit_3_with_the_address(path: str, server: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=BROKEN[path]) as caught:
        download(f"{server}/{path}", SHA, tmp_path / "model.onnx", CONSOLE)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith("http://127.0.0.1:")
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["model", "unsized", "chunked"])
@pytest.mark.parametrize("size", [len(WEIGHTS) - 1, len(WEIGHTS) + 1, 0])
def test_the_size_is_that_of_the_bundle(path: str, size: int, server: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"the file has|is larger than|stopped after") as caught:
        download(f"{server}/{path}", SHA, tmp_path / "model.onnx", CONSOLE, size=size)
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_without_a_size_there_is_a_ceiling(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "MAX_BYTES", 1000)
    for path in ("unsized", "chunked", "model"):
        with pytest.raises(FetchError, match="1,000"):
            download(f"{server}/{path}", SHA, tmp_path / "model.onnx", CONSOLE)
    assert list(tmp_path.iterdir()) == []


def test_another_hash_is_refused_and_removed(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"SHA-256 is .*the file was removed") as caught:
        download(f"{server}/model", "0" * 64, tmp_path / "model.onnx", CONSOLE)
    assert caught.value.exit_code == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address",
    ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:,a", "/etc/hostname", "http//a", "http://[::1"],
)
def test_only_http(address: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="http"):
        download(address, SHA, tmp_path / "a", CONSOLE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/model",
        "http:///model",
        "http://127.0.0.1:port/model",
        "http://" + "a" * 300 + ".invalid/model",
        "http://127.0.0.1:9/mo del",
        "http://127.0.0.1:9/\nmodel",
    ],
)
def test_nobody_there(address: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"cannot be downloaded|not HTTP"):
        download(address, SHA, tmp_path / "a", CONSOLE)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        download(f"{server}/model", SHA, tmp_path / "file" / "model.onnx", CONSOLE)


@pytest.mark.parametrize("path", ["model", "unsized"])
def test_a_full_disk(path: str, server: str, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256) as disk:
        with pytest.raises(OutputError, match="is full"):
            download(f"{server}/{path}", SHA, disk / "model.onnx", CONSOLE)
        assert list(disk.iterdir()) == []
