"""A server of local files: whole or by range, pages, the protocol of S3; others count or do not answer."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 3
"""Objects that S3's listing gives at once."""


class Files(SimpleHTTPRequestHandler):
    """Serves files whole or by range, and directories as pages of links; says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass

    def do_GET(self) -> None:
        """Answer with a file or a directory."""
        path = Path(self.translate_path(self.path.split("?")[0]))
        if path.is_dir():
            super().do_GET()
        elif path.is_file():
            self.send(path.read_bytes())
        else:
            self.send_error(404)

    def send(self, content: bytes, kind: str = "application/octet-stream") -> None:
        """Send content, or the range of it that is asked for."""
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        self.send_response(206 if asked else 200)
        if asked:
            start, stop = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
            self.send_header("Content-Range", f"bytes {start}-{stop}/{len(content)}")
            content = content[start : stop + 1]
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class Bucket(Files):
    """Serves a folder as S3 does buckets by path: lists objects in pages of `PAGE`, asks for a known key."""

    key = "test-key"

    def do_GET(self) -> None:
        """Answer with an object, or list objects."""
        if f"Credential={self.key}/" not in self.headers.get("Authorization", ""):
            self.send_error(403)
            return
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        root = Path(self.directory) / bucket
        if "list-type" in query:
            self.listing(root, query)
        elif key and (root / key).is_file():
            self.send((root / key).read_bytes())
        else:
            self.send_error(404)

    do_HEAD = do_GET

    def listing(self, root: Path, query: dict[str, str]) -> None:
        """List the objects whose keys begin so."""
        keys = sorted(item.relative_to(root).as_posix() for item in root.rglob("*") if item.is_file())
        keys = [key for key in keys if key.startswith(query.get("prefix", ""))]
        start = int(query.get("continuation-token", "0"))
        shown, more = keys[start : start + PAGE], start + PAGE < len(keys)
        contents = "".join(f"<Contents><Key>{escape(key)}</Key><Size>1</Size></Contents>" for key in shown)
        token = f"<NextContinuationToken>{start + PAGE}</NextContinuationToken>" if more else ""
        text = (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{contents}{token}</ListBucketResult>"
        )
        self.send(text.encode(), "application/xml")


class Slow(SimpleHTTPRequestHandler):
    """Answers as paths say: `silent` never, `stalled` with a beginning, `ring` by a redirect to itself."""

    def answer(self) -> None:
        """Answer, if at all."""
        if "ring" in self.path:
            self.send_response(302)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if "stalled" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"II*\0")
        threading.Event().wait()

    do_GET = do_HEAD = answer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


class Counting(SimpleHTTPRequestHandler):
    """Notes each request in the file `requests` of the folder, and has nothing."""

    def answer(self) -> None:
        """Note a request."""
        with (Path(self.directory) / "requests").open("a") as file:
            file.write(f"{self.command} {self.path}\n")
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


def requests(folder: Path) -> list[str]:
    """Return the requests that a counting server got, of its folder."""
    file = folder / "requests"
    return file.read_text().splitlines() if file.exists() else []


@contextmanager
def serving(folder: Path, kind: Literal["http", "s3", "counting", "slow"] = "http") -> Iterator[str]:
    """Serve a folder from a process of its own; yields `host:port`.

    GDAL reads some formats while it holds Python's lock: a server in this process could never answer.
    """
    command = [sys.executable, __file__, str(folder), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    handler = {"http": Files, "s3": Bucket, "counting": Counting, "slow": Slow}[sys.argv[2]]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=sys.argv[1]))
    print(server.server_port, flush=True)
    server.serve_forever()
