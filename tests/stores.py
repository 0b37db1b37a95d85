"""A store with the protocol of S3: moto's server, and a server before it that refuses some requests."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("obstore", reason="obstore is not installed: pip install 'geoseg[cloud]'")
pytest.importorskip("moto", reason="moto is not installed: pip install --group test")

BUCKET = "bucket"


@contextmanager
def serving_s3() -> Iterator[str]:
    """Run moto's server with an empty bucket; yields `host:port`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("moto's server did not start")


def empty_bucket(place: str) -> None:
    """Remove everything from a server, and make the bucket anew."""
    ask(place, "POST", "/moto-api/reset")
    ask(place, "PUT", f"/{BUCKET}")


def ask(place: str, method: str, path: str) -> bytes:
    """Return the answer of a server."""
    connection = HTTPConnection(place, timeout=20)
    connection.request(method, path)
    content = connection.getresponse().read()
    connection.close()
    return content


def keys(place: str) -> list[str]:
    """Return the names of all objects of the bucket."""
    return re.findall(r"<Key>(.*?)</Key>", ask(place, "GET", f"/{BUCKET}").decode())


def variables(place: str) -> dict[str, str]:
    """Return the environment variables by which GDAL and geoseg find a server."""
    return {
        "AWS_S3_ENDPOINT": place,
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


@contextmanager
def refusing(place: str, pattern: str) -> Iterator[str]:
    """Run a server that passes requests on, but refuses those whose `METHOD /path` matches a pattern."""

    class Refusing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if re.search(pattern, f"{self.command} {self.path.partition('?')[0]}"):
                self.reply(403, {}, b"<Error><Code>AccessDenied</Code></Error>")
                return
            connection = HTTPConnection(place, timeout=20)
            connection.request(self.command, self.path, content, dict(self.headers))
            answer = connection.getresponse()
            self.reply(answer.status, dict(answer.getheaders()), answer.read())
            connection.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

        def reply(self, code: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(code)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
