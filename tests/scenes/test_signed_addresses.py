"""Tokens for blobs of the Planetary Computer, from a service that speaks its protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from geoseg.errors import SceneReadError, UsageError
from geoseg.scenes import signed_addresses
from geoseg.scenes.signed_addresses import needs_token, sign
from geoseg.scenes.stac import stac_product
from tests.products.stac import stac_item, write_json

BLOB = "/vsicurl/https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/33/U/XP/B03.tif"
API = "https://planetarycomputer.microsoft.com/api/stac/v1"


class Service:
    """Gives tokens; notes who asks."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        """Path and key of each request."""
        self.lasts = timedelta(hours=1)
        self.answer: bytes | None = None
        self.address = ""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers.get("Ocp-Apim-Subscription-Key")))
            expiry = (datetime.now(UTC) + made.lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
            token = f"sv=1&sig={len(made.asked)}"
            content = made.answer or json.dumps({"msft:expiry": expiry, "token": token}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}/token"
    monkeypatch.setenv("PC_SDK_SAS_URL", made.address)
    monkeypatch.delenv("PC_SDK_SUBSCRIPTION_KEY", raising=False)
    monkeypatch.setattr(signed_addresses, "_TOKENS", {})
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (BLOB, True),
        (f"{BLOB}?sv=1&sig=x", False),
        (f"{BLOB}?version=2", True),
        ("/vsicurl/https://ai4edatasetspublicassets.blob.core.windows.net/assets/a.png", False),
        ("/vsicurl/https://example.org/a.tif", False),
        ("/vsicurl/https://blob.core.windows.net.example.org/a.tif", False),
        ("/vsis3/bucket/a.tif", False),
        ("a.tif", False),
    ],
)
def test_blobs_that_need_a_token(path: str, expected: bool) -> None:
    assert needs_token(path) is expected


def test_a_token_is_asked_for_once_a_container(service: Service) -> None:
    assert sign(BLOB) == f"{BLOB}?sv=1&sig=1"
    assert sign(BLOB.replace("B03", "B08")).endswith("B08.tif?sv=1&sig=1")
    assert sign(f"{BLOB}?version=2").endswith("?version=2&sv=1&sig=1")
    assert sign(BLOB.replace("sentinel2-l2/", "other/")).endswith("sig=2")
    assert service.asked == [
        ("/token/sentinel2l2a01/sentinel2-l2", None),
        ("/token/sentinel2l2a01/other", None),
    ]


def test_a_token_that_expires_is_renewed(service: Service) -> None:
    service.lasts = timedelta(seconds=30)
    assert sign(BLOB).endswith("sig=1")
    assert sign(BLOB).endswith("sig=2")


def test_a_key_is_sent(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_SDK_SUBSCRIPTION_KEY", "secret")
    sign(BLOB)
    assert service.asked[0][1] == "secret"


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b'{"token": "x", "msft:expiry": "soon"}'])
def test_an_answer_that_is_no_token(service: Service, answer: bytes) -> None:
    service.answer = answer
    with pytest.raises(SceneReadError, match="the answer is not a token"):
        sign(BLOB)


def test_a_service_that_is_not_there(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_SDK_SAS_URL", "http://127.0.0.1:9")
    with pytest.raises(SceneReadError, match="no token for the blobs of sentinel2l2a01/sentinel2-l2"):
        sign(BLOB)


def test_a_service_that_is_no_address(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_SDK_SAS_URL", "token")
    with pytest.raises(UsageError, match="PC_SDK_SAS_URL=token is not an address"):
        sign(BLOB)


def test_offline(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_OFFLINE", "1")
    with pytest.raises(SceneReadError, match="--offline"):
        sign(BLOB)
    assert not service.asked


@pytest.mark.parametrize("link", [True, False])
def test_assets_of_its_items_are_signed(service: Service, tmp_path: Path, link: bool) -> None:
    """And no others: an item of another catalogue may name a blob that is public."""
    item = stac_item("a", assets={"green": BLOB.removeprefix("/vsicurl/")})
    item["links"] = [{"rel": "root", "href": API if link else "https://example.org/"}]
    path = write_json(tmp_path / "item.json", item)
    product = stac_product(str(path), remote_assets=True)
    assert [asset.path for asset in product.assets] == [f"{BLOB}?sv=1&sig=1" if link else BLOB]
    assert bool(service.asked) is link
