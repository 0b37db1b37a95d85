"""Networks of the Hugging Face hub, from a server on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.networks import save_form

Geoseg = Callable[..., tuple[str, str]]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG = {
    "architectures": ["SegformerForSemanticSegmentation"],
    "id2label": {"0": "background", "1": "building"},
    "model_type": "segformer",
}
PROCESSOR = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "rescale_factor": 1 / 255}


class Hub:
    """Repositories: their files, and what the hub says of them."""

    def __init__(self, network: bytes) -> None:
        self.asked: list[str] = []
        self.files: dict[str, dict[str, bytes]] = {
            "org/one": {
                "onnx/model.onnx": network,
                "onnx/model_quantized.onnx": b"other",
                "config.json": json.dumps(CONFIG).encode(),
                "preprocessor_config.json": json.dumps(PROCESSOR).encode(),
            },
            "org/many": {"a.onnx": network, "b.onnx": network},
            "org/none": {"config.json": b"{}"},
            "org/plain": {"model.onnx": network},
            "org/damaged": {"model.onnx": network},
        }

    def info(self, name: str) -> bytes:
        """The answer to a question for a repository; `org/plain` has files without a hash."""
        listed = []
        for file, content in self.files[name].items():
            entry: dict[str, object] = {"rfilename": file}
            if file.endswith(".onnx") and name != "org/plain":
                digest = hashlib.sha256(b"else" if name == "org/damaged" else content).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            listed.append(entry)
        return json.dumps({"id": name, "sha": COMMIT, "siblings": listed, "tags": ["license:mit"]}).encode()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub(save_form(tmp_path / "source.onnx", channels="c").read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            parts = self.path.partition("?")[0].strip("/").split("/")
            content = None
            if parts[:2] == ["api", "models"] and "/".join(parts[2:]) in made.files:
                content = made.info("/".join(parts[2:]))
            elif parts[2:4] == ["resolve", COMMIT]:
                content = made.files.get("/".join(parts[:2]), {}).get("/".join(parts[4:]))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "models"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}/")
        yield made
        server.shutdown()


def test_a_network_is_fetched_with_what_its_repository_states(
    hub: Hub, tmp_path: Path, geoseg: Geoseg
) -> None:
    _, err = geoseg("models", "describe", "hf:org/one", "-o", tmp_path / "bundle")
    assert "hf:org/one: onnx/model.onnx, of 2 ONNX files" in err
    made = json.loads(geoseg("models", "show", tmp_path / "bundle", "--json")[0])
    assert [band["name"] for band in made["bands"]] == ["red", "green", "blue"]
    assert [entry["label"] for entry in made["classes"]] == ["background", "building"]
    assert made["licence"] == "mit"
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert f"hf:org/one/onnx/model.onnx, commit {COMMIT}" in card
    assert all(COMMIT in path for path in hub.asked[1:])
    assert not [*(tmp_path / "models").iterdir()]


def test_models_need_a_folder(hub: Hub, tmp_path: Path, geoseg: Geoseg) -> None:
    (tmp_path / "models").write_text("")
    _, err = geoseg("models", "describe", "hf:org/one", "-o", tmp_path / "bundle", code=6)
    assert "models" in err


def test_a_file_may_be_named(hub: Hub, tmp_path: Path, geoseg: Geoseg) -> None:
    assert hub.files["org/many"]
    _, err = geoseg("models", "describe", "hf:org/many", "-o", tmp_path / "bundle", code=2)
    assert "name one: hf:org/many/a.onnx, hf:org/many/b.onnx" in err
    options = ("--preset", "imagenet", "--classes", "a,b")
    geoseg("models", "describe", "hf:org/many/b.onnx", *options, "-o", tmp_path / "bundle")
    assert (tmp_path / "bundle" / "b.onnx").is_file()


@pytest.mark.parametrize(
    ("name", "code", "problem"),
    [
        ("hf:org/none", 4, "has no ONNX file"),
        ("hf:org/missing", 3, "404"),
        ("hf:org/one/x.onnx", 4, "has no ONNX file x.onnx; it has onnx/model.onnx"),
        ("hf:org/plain", 4, "states no SHA-256 of model.onnx"),
        ("hf:org/damaged", 4, "SHA-256 is"),
        ("hf:org", 2, "is not hf:ORG/NAME"),
        ("hf:org/../etc", 2, "is not hf:ORG/NAME"),
    ],
)
def test_what_cannot_be_fetched_is_said(
    name: str, code: int, problem: str, hub: Hub, tmp_path: Path, geoseg: Geoseg
) -> None:
    assert hub.files
    _, err = geoseg("models", "describe", name, "-o", tmp_path / "bundle", code=code)
    assert problem in err
    assert not (tmp_path / "bundle").exists()
    left = tmp_path / "models"
    assert not left.exists() or not [*left.iterdir()]


def test_offline_asks_for_nothing(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geoseg: Geoseg
) -> None:
    for name in ("GEOSEG_OFFLINE", "PROJ_NETWORK", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")
    _, err = geoseg("models", "describe", "hf:org/one", "-o", tmp_path / "bundle", "--offline", code=3)
    assert "not downloaded, because `--offline`" in err
    assert not hub.asked


@pytest.mark.parametrize("place", ["mirror", "cache"])
def test_copies_on_this_machine_are_used(
    place: str, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geoseg: Geoseg
) -> None:
    """The folder of copies always, the cache of huggingface_hub where nothing may be asked."""
    for name in ("GEOSEG_OFFLINE", "PROJ_NETWORK", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "")
    folder = tmp_path / "mirror" / "org" / "one"
    if place == "mirror":
        monkeypatch.setenv("GEOSEG_HUB_MIRROR", str(tmp_path / "mirror"))
    else:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        folder = tmp_path / "cache" / "models--org--one" / "snapshots" / COMMIT
        main = tmp_path / "cache" / "models--org--one" / "refs" / "main"
        main.parent.mkdir(parents=True)
        main.write_text(COMMIT)
    for name, content in hub.files["org/one"].items():
        blob, path = tmp_path / "blobs" / name, folder / name
        for item in (blob, path):
            item.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        path.symlink_to(blob) if place == "cache" else path.write_bytes(content)
    offline = ("--offline",) if place == "cache" else ()
    _, err = geoseg("models", "describe", "hf:org/one", "-o", tmp_path / "bundle", *offline)
    assert f"hf:org/one: used from {folder}" in err
    made = json.loads(geoseg("models", "show", tmp_path / "bundle", "--json")[0])
    assert [band["name"] for band in made["bands"]] == ["red", "green", "blue"]
    assert not hub.asked
    _, err = geoseg("models", "describe", "hf:org/one/x.onnx", "-o", tmp_path / "other", *offline, code=4)
    assert "has no ONNX file x.onnx" in err


def test_a_copy_without_a_network_does_not_hide_that_of_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geoseg: Geoseg
) -> None:
    copy = tmp_path / "mirror" / "org" / "one" / "weights.pt"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"other")
    monkeypatch.setenv("GEOSEG_HUB_MIRROR", str(tmp_path / "mirror"))
    geoseg("models", "describe", "hf:org/one", "-o", tmp_path / "bundle")
    assert hub.asked
