"""`geoseg models pull`: a bundle that names its weights by address becomes a whole one in the cache."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

Geoseg = Callable[..., tuple[str, str]]
WEIGHTS = b"weights" * 1000


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "large.onnx").write_bytes(WEIGHTS)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/large.onnx"
        httpd.shutdown()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path / "cache"


def _bundle(folder: Path, href: str, checksum: str | None) -> Path:
    folder.mkdir()
    asset = {"href": href, "roles": ["mlm:model"], "title": "weights"}
    if checksum is not None:
        asset["file:checksum"] = checksum
    item = {"type": "Feature", "id": "large", "assets": {"card": {"href": "./README.md"}, "model": asset}}
    (folder / "model.json").write_text(json.dumps(item))
    return folder


def test_a_whole_bundle_lands_in_the_cache(server: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    sha = hashlib.sha256(WEIGHTS).hexdigest()
    bundle = _bundle(tmp_path / "b", server, f"1220{sha}")
    out, _ = geoseg("models", "pull", bundle)
    assert out.strip() == f"--model {cache / 'large'}"
    assert (cache / "large" / "large.onnx").read_bytes() == WEIGHTS
    item = json.loads((cache / "large" / "model.json").read_text())
    assert item["assets"]["model"]["href"] == "./large.onnx"
    assert item["assets"]["model"]["file:checksum"] == f"1220{sha}"
    assert item["assets"]["card"] == {"href": "./README.md"}


def test_another_hash_is_refused(server: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    bundle = _bundle(tmp_path / "b", server, "1220" + "0" * 64)
    _, err = geoseg("models", "pull", bundle, code=4)
    assert "SHA-256 is" in err
    assert not list(cache.rglob("*.*"))


@pytest.mark.parametrize("checksum", [None, "d41d8cd98f00b204e9800998ecf8427e", "1220abc"])
def test_no_hash_no_fetch(
    checksum: str | None, server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    _, err = geoseg("models", "pull", _bundle(tmp_path / "b", server, checksum), code=4)
    assert "no SHA-256" in err
    assert not cache.exists()


def test_weights_that_are_there_are_not_fetched(cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    bundle = _bundle(tmp_path / "b", "./model.onnx", None)
    out, err = geoseg("models", "pull", bundle)
    assert "nothing to fetch" in err
    assert out.strip() == f"--model {bundle}"


def test_no_such_bundle(cache: Path, geoseg: Geoseg, tmp_path: Path) -> None:
    _, err = geoseg("models", "pull", "no-such-model", code=4)
    assert "no-such-model" in err
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "model.json").write_text("[]")
    _, err = geoseg("models", "pull", tmp_path / "b", code=4)
    assert "not a JSON object" in err
