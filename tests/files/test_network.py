"""Names that need the network, and reads of bounded size and time of a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError, URLError
from urllib.request import Request

import pytest

from geoseg.errors import SceneReadError, UsageError
from geoseg.files.network import close_gdal, is_offline, needs_network, open_gdal, service_address, shown
from geoseg.files.web import read_web


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tif", False),
        ("/data/a.tif", False),
        ("C:\\a.tif", False),
        ("file:///a.tif", False),
        ("vrt://a.tif?bands=1", False),
        ('HDF5:"a.h5"://group/x', False),
        ("HDF5:a.h5://group/x", False),
        ("/vsizip/a.zip/b.tif", False),
        ("http://h/a.tif", True),
        ("HTTPS://h/a.tif", True),
        ("s3://b/a.tif", True),
        ("ftp://h/a.tif", True),
        ("/vsicurl/http://h/a.tif", True),
        ("/vsicurl?url=http%3A//h/a.tif", True),
        ("/vsicurl_streaming/http://h/a.tif", True),
        ("/vsis3/b/a.tif", True),
        ("/vsigs/b/a.tif", True),
        ("/vsizip//vsicurl/http://h/a.zip/b.tif", True),
        ("/vsizip/{/vsis3/b/a.zip}/b.tif", True),
        ("/vsisubfile/0_10,/vsicurl/http://h/a", True),
        ('NETCDF:"http://h/a.nc":x', True),
        ("WMS:http://h/wms", True),
        ("zip+https://h/a.zip!b.tif", True),
        ("vrt:///vsicurl/http://h/a.tif", True),
    ],
)
def test_names_that_need_the_network(name: str, expected: bool) -> None:
    assert needs_network(name) is expected


def test_messages_hold_no_secrets() -> None:
    assert shown("https://user:secret@h/a.tif?signature=secret") == "https://h/a.tif"
    assert shown("/vsicurl/https://h/a.tif?x=\x1b[31m") == "https://h/a.tif"


def test_gdal_is_closed_and_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415

    open_gdal()
    monkeypatch.setenv("GDAL_HTTP_PROXY", "http://proxy:8080")
    monkeypatch.delenv("CPL_VSIL_CURL_ALLOWED_FILENAME", raising=False)
    close_gdal()
    close_gdal()
    assert os.environ["GDAL_HTTP_PROXY"] != "http://proxy:8080"
    assert "CPL_VSIL_CURL_ALLOWED_FILENAME" in os.environ
    open_gdal()
    assert os.environ["GDAL_HTTP_PROXY"] == "http://proxy:8080"
    assert "CPL_VSIL_CURL_ALLOWED_FILENAME" not in os.environ


def test_gdal_does_not_wait_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415

    monkeypatch.delenv("GDAL_HTTP_LOW_SPEED_TIME", raising=False)
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_LIMIT", "7")
    close_gdal()
    open_gdal()
    assert 0 < int(os.environ["GDAL_HTTP_LOW_SPEED_TIME"]) < 20
    assert os.environ["GDAL_HTTP_LOW_SPEED_LIMIT"] == "7"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer: Callable[[], None] = getattr(self, f"_{self.path.strip('/')}")
        with suppress(OSError):
            answer()

    def _send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _text(self) -> None:
        self._send(b"text", Content_Type="text/plain")

    def _there(self) -> None:
        self._send(b"", 302, Location="/text")

    def _file(self) -> None:
        self._send(b"", 302, Location="file:///etc/hostname")

    def _none(self) -> None:
        self._send(b"", 404)

    def _half(self) -> None:
        self._send(b"te", Content_Length="4")

    def _long(self) -> None:
        self._send(b"x" * 2000)

    def _drip(self) -> None:
        self._send(b"")
        self._slowly()

    def _head(self) -> None:
        self._slowly()

    def _slowly(self) -> None:
        for _ in range(10_000):
            self.wfile.write(b"H")
            time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as httpd:
        httpd.daemon_threads = True
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


@pytest.mark.parametrize("path", ["text", "there"])
def test_a_text(path: str, server: str) -> None:
    answer = read_web(Request(f"{server}/{path}"))
    assert (answer.content, answer.address, answer.kind) == (b"text", f"{server}/text", "text/plain")


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("file", URLError, "not allowed"),
        ("none", HTTPError, "404"),
        ("half", SceneReadError, "stopped after 2 of 4"),
        ("long", SceneReadError, "the limit for a text"),
        ("drip", SceneReadError, "was not read within 0.5 s"),
        ("head", SceneReadError, "was not read within 0.5 s"),
    ],
)
def test_other_answers(path: str, kind: type[Exception], message: str, server: str) -> None:
    with pytest.raises(kind, match=message):
        read_web(Request(f"{server}/{path}"), most=1000, seconds=0.5)


def test_offline(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_OFFLINE", "1")
    with pytest.raises(SceneReadError, match="--offline"):
        read_web(Request(f"{server}/text"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", False), ("0", False), ("no", False), ("OFF", False), ("1", True), ("yes", True), (" True ", True)],
)
def test_the_variable_for_offline(value: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_OFFLINE", value)
    assert is_offline() is expected


@pytest.mark.parametrize("value", ["maybe", "2", "offline"])
def test_a_variable_that_is_neither_yes_nor_no_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOSEG_OFFLINE", value)
    with pytest.raises(UsageError, match="neither yes nor no"):
        is_offline()


@pytest.mark.parametrize(
    "value", ["foo", "foo/bar", "//host", "ftp://host", "http://", "http://h:x", "http://[h"]
)
def test_a_variable_that_is_no_address_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE", value)
    with pytest.raises(UsageError, match=r"SERVICE=.*is not an address, such as https://usual"):
        service_address("SERVICE", "https://usual")


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("", "https://usual"),
        (" ", "https://usual"),
        ("http://h:80/a/", "http://h:80/a"),
        ("HTTPS://h", "HTTPS://h"),
    ],
)
def test_a_variable_names_another_service(value: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE", value)
    assert service_address("SERVICE", "https://usual") == address
