"""Read answers of servers, of bounded size and time, over http and https only."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from threading import Lock, Timer
from typing import IO, Any, Self
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    BaseHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from geoseg.errors import SceneReadError
from geoseg.files.network import TEXT_BYTES, allow_network, plain, shown

TIMEOUT_S = 20.0
"""Greatest time without data, in seconds."""

DEADLINE_S = 45.0
"""Greatest time for one text with its redirects, in seconds: 1 MB, more than any item has, at 0.2 Mbit/s."""

WEB = frozenset({"http", "https"})

_CHUNK = 2**16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class WebOnly(HTTPRedirectHandler):
    """Follows redirects to http and https only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the redirected request.

        Raises:
            URLError: the new address has another scheme.
        """
        if not is_web(newurl):
            fp.close()
            raise URLError(f"redirects to {plain(newurl)}; only http and https are allowed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def is_web(address: str) -> bool:
    """Return whether an address is of http or https."""
    try:
        return urlsplit(address).scheme.lower() in WEB
    except ValueError:
        return False


class Deadline:
    """Ends the connections of a block at a time, whatever their servers send; a context manager.

    A time limit of sockets holds for one piece of data only: a server that sends a byte now and then is never
    too slow for it.
    """

    def __init__(self, seconds: float) -> None:
        """Set the time from now, in seconds."""
        self._end = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._lock = Lock()
        self._timer: Timer | None = None

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def extend(self, seconds: float) -> None:
        """Set another time from now, in seconds."""
        with self._lock:
            self._end = time.monotonic() + seconds
            self._start()

    def connect(self, *arguments: Any) -> socket.socket:
        """Return a connection that ends at the time; see `socket.create_connection`."""
        made = socket.create_connection(*arguments)
        # TLS takes the descriptor of the socket over: the copy stays valid.
        with self._lock:
            self._sockets.append(made.dup())
        if self.passed:
            self._close()
        return made

    def _close(self) -> None:
        with self._lock:
            for item in self._sockets:
                with suppress(OSError):
                    item.shutdown(socket.SHUT_RDWR)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = Timer(max(self._end - time.monotonic(), 0), self._close)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> Self:
        with self._lock:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            for item in self._sockets:
                item.close()
            self._sockets.clear()


class SameServer(WebOnly):
    """Follows redirects to the same server only; others raise `HTTPError`."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the redirected request; None for another server."""
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            return None
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None:
            made.method = req.method
            with_private(made, req.unredirected_hdrs)
        return made


def web_opener(deadline: Deadline, redirects: type[WebOnly] = WebOnly) -> OpenerDirector:
    """Return an opener for http and https only: no file, ftp or data URLs, not by a redirect either."""

    class Plain(HTTPHandler):
        def http_open(self, req: Request) -> HTTPResponse:
            return self.do_open(partial(_connection, HTTPConnection, deadline), req)

    class Secure(HTTPSHandler):
        def https_open(self, req: Request) -> HTTPResponse:
            return self.do_open(partial(_connection, HTTPSConnection, deadline), req)

    opener = OpenerDirector()
    handlers: tuple[BaseHandler, ...] = (
        ProxyHandler(), Plain(), Secure(), HTTPDefaultErrorHandler(), redirects(), HTTPErrorProcessor(),
        UnknownHandler(),
    )  # fmt: skip
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _connection(kind: type[HTTPConnection], deadline: Deadline, host: str, **options: Any) -> HTTPConnection:
    """Return a connection whose sockets the deadline ends."""
    made = kind(host, **options)
    vars(made)["_create_connection"] = deadline.connect
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer of a server."""

    content: bytes
    address: str
    """After redirects."""
    kind: str
    """Its Content-Type; empty if there is none."""


def read_web(request: Request, *, most: int = TEXT_BYTES, seconds: float = DEADLINE_S) -> Answer:
    """Return the answer to a request by http or https.

    Args:
        request: the request.
        most: greatest number of bytes.
        seconds: greatest time for the whole answer.

    Raises:
        SceneReadError: offline; or the answer is too long, too slow or not HTTP.
        HTTPError: the server refuses the request.
        URLError: the server cannot be reached.
    """
    address = request.full_url
    allow_network(address)
    with Deadline(seconds) as deadline:
        try:
            with web_opener(deadline).open(request, timeout=TIMEOUT_S) as answer:
                content = bytearray()
                while part := answer.read1(_CHUNK):
                    content += part
                    if len(content) > most:
                        raise SceneReadError(
                            f"{shown(address)} has more than {most / 2**20:g} MiB, the limit for a text; "
                            "check the address"
                        )
                if deadline.passed:
                    raise _too_slow(address, seconds)
                length = answer.headers.get("Content-Length", "")
                if length.isdigit() and int(length) > len(content):
                    raise SceneReadError(
                        f"{shown(address)}: stopped after {len(content):,} of {length} bytes; try again"
                    )
                kind = answer.headers.get("Content-Type", "")
                return Answer(content=bytes(content), address=answer.geturl(), kind=kind)
        except SceneReadError:
            raise
        except (HTTPException, OSError, ValueError) as error:
            if deadline.passed:
                raise _too_slow(address, seconds) from error
            if isinstance(error, URLError):
                raise
            what = plain(error) or type(error).__name__
            raise SceneReadError(
                f"{shown(address)}: the connection was lost, or the response is not HTTP ({what}); try again"
            ) from error


def with_private(request: Request, private: Mapping[str, str]) -> None:
    """Add headers to a request that a redirect does not pass on."""
    for name, value in private.items():
        request.add_unredirected_header(name, value)


def read_head(request: Request, private: Mapping[str, str]) -> Message:
    """Return the headers of an address; of a redirect to another server, those of the redirect.

    Args:
        request: of the method HEAD.
        private: further headers, which are not sent to another server.

    Raises:
        SceneReadError: offline.
        HTTPError: the server refuses the request.
        URLError: the server cannot be reached, or its answer is not HTTP.
    """
    allow_network(request.full_url)
    with_private(request, private)
    with Deadline(DEADLINE_S) as deadline:
        try:
            with web_opener(deadline, SameServer).open(request, timeout=TIMEOUT_S) as answer:
                found: Message = answer.headers
                return found
        except HTTPError as error:
            if error.code not in _REDIRECTS:
                raise
            error.close()
            return error.headers
        except (HTTPException, ValueError) as error:
            raise URLError(f"the answer is not HTTP ({plain(error)})") from error


def _too_slow(address: str, seconds: float) -> SceneReadError:
    return SceneReadError(f"{shown(address)} was not read within {seconds:g} s; try again, or download it")
