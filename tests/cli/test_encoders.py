"""`geoseg models list --encoders` and `models pull` of an encoder, from a mirror of the hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from geoseg.cli.encoders import encoders_text, pull_encoder

from geoseg.bundles.encoder_files import stored_weights, weights_file
from geoseg.errors import FetchError, ModelError, OutputError
from geoseg.spec import EncoderSpec
from geoseg.spec.presets import encoders
from tests.messages import Messages, progress
from tests.prepared_process import geoseg

CONTENT = b"weights of an encoder" * 1000


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of a server that stands in for the hub; the user's folder of models is empty."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    try:
        yield folder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def described(content: bytes = CONTENT) -> EncoderSpec:
    """Galileo-nano with the hash of other weights."""
    nano = encoders()["galileo-nano"]
    assert nano.weights is not None
    sha256 = hashlib.sha256(content).hexdigest()
    weights = nano.weights.model_copy(update={"sha256": sha256, "size": len(content)})
    return nano.model_copy(update={"weights": weights})


def publish(mirror: Path, content: bytes) -> None:
    file = mirror / "nasaharvest" / "galileo" / "resolve" / "main" / "models" / "nano" / "encoder.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)


def test_weights_are_fetched_with_their_licence(mirror: Path, messages: Messages) -> None:
    publish(mirror, CONTENT)
    path = pull_encoder(described(), progress)
    assert path == stored_weights(described()) == weights_file(described(), "auto")
    assert path.read_bytes() == CONTENT
    assert [item.name for item in path.parent.iterdir()] == ["encoder.pt"]
    assert any("licence of the weights: MIT" in text for text in messages.notes)
    (mirror / "nasaharvest").rename(mirror / "gone")
    assert pull_encoder(described(), progress) == path


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b"y" * len(CONTENT)])
def test_other_weights_are_not_stored(mirror: Path, content: bytes) -> None:
    publish(mirror, content)
    with pytest.raises((FetchError, ModelError)):
        pull_encoder(described(), progress)
    assert not stored_weights(described()).exists()


def test_weights_without_a_known_hash_are_not_fetched(mirror: Path) -> None:
    publish(mirror, CONTENT)
    file = mirror / "nasaharvest" / "galileo" / "resolve" / "main" / "models"
    (file / "nano").rename(file / "tiny")
    with pytest.raises(ModelError, match=r"no SHA-256 of models/tiny/encoder\.pt is known"):
        pull_encoder(encoders()["galileo-tiny"], progress)
    for key in ("`--weights FILE`", "network.weights"):
        with pytest.raises(ModelError, match=f"models pull galileo-nano`, or name a file with {key}"):
            weights_file(encoders()["galileo-nano"], "auto", key=key)


def test_a_file_of_this_machine_is_stored(mirror: Path, tmp_path: Path) -> None:
    assert not list(mirror.iterdir())
    given = tmp_path / "given.pt"
    given.write_bytes(CONTENT)
    path = pull_encoder(described(), progress, weights=given)
    assert path == stored_weights(described())
    assert path.read_bytes() == CONTENT
    given.write_bytes(CONTENT[1:])
    with pytest.raises(ModelError, match="another file, or broken"):
        pull_encoder(described(), progress, weights=given)
    assert path.read_bytes() == CONTENT


def without_hash() -> EncoderSpec:
    spec = described()
    assert spec.weights is not None
    return spec.model_copy(update={"weights": spec.weights.model_copy(update={"sha256": ""})})


def write_weights(path: Path, seed: int, **more: object) -> bytes:
    """Random weights of Galileo-nano for all of its bands, as a file of torch."""
    torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
    from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder  # noqa: PLC0415

    torch.manual_seed(seed)
    bands = tuple(encoders()["galileo-nano"].bands)
    torch.save({**build_encoder(EncoderRequest(name="galileo-nano", bands=bands)).state_dict(), **more}, path)
    return path.read_bytes()


def test_weights_without_a_known_hash_are_replaced_on_request_only(
    mirror: Path, tmp_path: Path, messages: Messages
) -> None:
    del mirror
    given = tmp_path / "given.pt"
    first = write_weights(given, 1)
    path = pull_encoder(without_hash(), progress, weights=given)
    assert any("all of them fit the encoder" in text for text in messages.notes)
    second = write_weights(given, 2)
    with pytest.raises(OutputError, match="add `--overwrite`"):
        pull_encoder(without_hash(), progress, weights=given)
    assert path.read_bytes() == first
    pull_encoder(without_hash(), progress, weights=given, overwrite=True)
    assert path.read_bytes() == second


@pytest.mark.parametrize(
    ("wrong", "text"),
    [("text", "the file is damaged"), ("key", "unknown: other"), ("folder", "is a folder; name")],
)
def test_weights_without_a_known_hash_must_fit(mirror: Path, tmp_path: Path, wrong: str, text: str) -> None:
    del mirror
    given = tmp_path / "given.pt"
    if wrong == "folder":
        given.mkdir()
    elif wrong == "text":
        pytest.importorskip("torch", reason="the extra `train` is not installed")
        given.write_bytes(CONTENT)
    else:
        write_weights(given, 1, other=pytest.importorskip("torch").ones(2))
    with pytest.raises(ModelError, match=text):
        pull_encoder(without_hash(), progress, weights=given)
    assert not stored_weights(without_hash()).exists()


def test_the_list_says_where_weights_are() -> None:
    text = encoders_text()
    for name, item in encoders().items():
        (line,) = (line for line in text.splitlines() if line.split()[:1] == [name])
        assert item.licence in line
    listed = geoseg("models", "list", "--encoders", "--json")
    assert {item["name"] for item in json.loads(listed.stdout)["encoders"]} == set(encoders())


@pytest.mark.parametrize("link", ["folder", "file", "part"])
def test_links_are_not_followed(mirror: Path, tmp_path: Path, link: str) -> None:
    """As for bundles: nothing is written outside the folder of models."""
    publish(mirror, CONTENT)
    path, outside = stored_weights(described()), tmp_path / "outside"
    outside.mkdir()
    if link == "folder":
        path.parent.parent.mkdir(parents=True)
        path.parent.symlink_to(outside)
    else:
        path.parent.mkdir(parents=True)
        part = path.with_name(f".{hashlib.sha256(CONTENT).hexdigest()}.part")
        (path if link == "file" else part).symlink_to(outside / "target")
    with pytest.raises(OutputError):
        pull_encoder(described(), progress)
    assert not list(outside.iterdir())
