"""Files of the Hugging Face hub, from a server on this machine that speaks its protocol."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from geoseg.cli import hub_files, published
from geoseg.cli.hub import hub_network
from geoseg.cli.hub_files import HUB, credentials, endpoint, local_copy, remote_file
from geoseg.cli.published import fetch_published

from geoseg.errors import FetchError, ModelError, UsageError
from geoseg.files.hashes import file_sha256
from geoseg.spec import EncoderWeights
from tests.messages import Messages, progress

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "hub:org/name/folder/file name.pt"


class Hub:
    """A server of repositories and one of their files, on two ports: to a browser they are two servers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.refused: tuple[int, str] | None = None
        """Status and X-Error-Code of every answer."""
        self.content, self.sha256 = CONTENT, SHA256
        self.cut: int | None = None
        """Bytes after which the next transfer ends."""
        self.moved = ""
        """Name of the repository, if it has another one."""
        self.files = ""


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            hub.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            if self.path == "/blob":
                self.send_file()
            elif hub.refused is not None:
                self.send(hub.refused[0], {"X-Error-Code": hub.refused[1], "X-Error-Message": "no"})
            elif hub.moved and not self.path.startswith(f"/{hub.moved}/"):
                parts = self.path.split("/", 3)
                self.send(307, {"Location": f"/{hub.moved}/{parts[3]}"})
            elif re.fullmatch(rf"/[^/]+/name/resolve/(main|{COMMIT})/folder/file%20name.pt", self.path):
                etag = f'"{hub.sha256}"' if hub.sha256 else '"0123"'
                linked = {"X-Linked-Etag": etag, "X-Linked-Size": str(len(hub.content))}
                self.send(302, {"Location": hub.files, "X-Repo-Commit": COMMIT, **linked})
            else:
                self.send(404, {"X-Error-Code": "EntryNotFound"})

        def send_file(self) -> None:
            begin = int(re.sub(r"\D", "", self.headers.get("Range", "0")))
            part = hub.content[begin:]
            size = {"Content-Length": str(len(part))}
            if begin:
                size["Content-Range"] = f"bytes {begin}-{len(hub.content) - 1}/{len(hub.content)}"
            cut, hub.cut = hub.cut, None
            self.send(206 if begin else 200, size, part[:cut])

        def send(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "GEOSEG_HUB_MIRROR", "GEOSEG_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler(made)) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = [server.server_address[1] for server in servers]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{ports[0]}/")
    made.files = f"http://127.0.0.1:{ports[1]}/blob"
    yield made
    for server in servers:
        server.shutdown()
        server.server_close()


def fetched(tmp_path: Path, **facts: Any) -> Path:
    target = tmp_path / "target.pt"
    target.unlink(missing_ok=True)
    fetch_published(EncoderWeights(url=URL, **facts), target, progress, weights=None, home=tmp_path)
    return target


@pytest.mark.parametrize("known", [True, False])
def test_a_file_of_one_commit_is_fetched_and_checked(
    hub: Hub, tmp_path: Path, messages: Messages, *, known: bool
) -> None:
    facts = {"sha256": SHA256, "size": len(CONTENT)} if known else {}
    assert fetched(tmp_path, **facts).read_bytes() == CONTENT
    assert COMMIT in hub.asked[1][1]
    assert any(f"the hub states {SHA256} of commit {COMMIT}" in text for text in messages.notes) != known


def test_a_broken_download_continues(hub: Hub, tmp_path: Path) -> None:
    hub.cut = 300_000
    assert fetched(tmp_path).read_bytes() == CONTENT
    ranges = [headers.get("range") for _, path, headers in hub.asked if path == "/blob"]
    assert ranges == [None, "bytes=300000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["target.pt"]


def test_a_download_of_an_earlier_run_continues(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / f".{SHA256}.part").write_bytes(CONTENT[:123_456])
    assert fetched(tmp_path).read_bytes() == CONTENT
    assert [headers.get("range") for _, path, headers in hub.asked if path == "/blob"] == ["bytes=123456-"]


def test_another_file_is_refused(hub: Hub, tmp_path: Path) -> None:
    """Another content than the hub states; another one than geoseg knows; and one without a SHA-256."""
    hub.content = CONTENT[:-1] + b"?"
    with pytest.raises(ModelError, match="SHA-256 is"):
        fetched(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ModelError, match=r"the hub has another folder/file name\.pt"):
        fetched(tmp_path, sha256="0" * 64)
    hub.sha256 = ""
    with pytest.raises(ModelError, match=r"no SHA-256 of folder/file name\.pt is known"):
        fetched(tmp_path)
    hub.content = CONTENT
    assert fetched(tmp_path, sha256=SHA256).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "code", "token", "said"),
    [
        (401, "GatedRepo", "", "is gated: with an account, accept .* at http.*/org/name, then set HF_TOKEN"),
        (403, "GatedRepo", "t", "is gated: with the account of HF_TOKEN, accept .*`--weights FILE`"),
        (401, "RepoNotFound", "", "does not exist, or it is private: set HF_TOKEN"),
        (403, "", "t", "the account of HF_TOKEN may not read it"),
        (404, "EntryNotFound", "", "has no file folder/file name.pt"),
        (404, "RevisionNotFound", "", "has no file folder/file name.pt"),
        (404, "RepoNotFound", "", "does not exist"),
        (500, "", "", "500 .*try again later"),
    ],
)  # fmt: skip
def test_refusals_say_what_to_do(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, status: int, code: str, token: str, said: str
) -> None:
    hub.refused = status, code
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(FetchError, match=said):
        remote_file(URL, SHA256, None)


@pytest.mark.parametrize("moved", ["", "other"])
def test_the_token_stays_with_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    hub.moved = f"{moved}/name" if moved else ""
    assert remote_file(URL, "", None).sha256 == SHA256
    assert all(headers.get("authorization") == "Bearer secret" for _, _, headers in hub.asked)
    hub.moved = ""
    fetched(tmp_path)
    sent = {path == "/blob": headers.get("authorization") for _, path, headers in hub.asked}
    assert sent == {False: "Bearer secret", True: None}


def test_the_token_is_not_sent_in_plain_text_or_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert endpoint() == HUB
    assert credentials(f"{HUB}/a/b/resolve/main/c")
    assert not credentials("https://example.org/c")
    assert not credentials("http://huggingface.co/a")
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example")
    assert not credentials("http://mirror.example/a/b")


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "GEOSEG_OFFLINE"])
def test_offline_nothing_is_asked(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(FetchError, match=rf"{variable}=1 is set.*GEOSEG_HUB_MIRROR"):
        fetched(tmp_path)
    assert not hub.asked


def test_a_mirror_that_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "foo")
    with pytest.raises(UsageError, match="HF_ENDPOINT=foo is not an address"):
        remote_file(URL, SHA256, None)
    with (
        pytest.raises(UsageError, match="HF_ENDPOINT=foo is not an address"),
        hub_network("hf:a/b", progress),
    ):
        pass


def test_a_folder_of_copies_that_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: Messages
) -> None:
    monkeypatch.setenv("GEOSEG_HUB_MIRROR", str(tmp_path / "gone"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE=1 is set"):
        fetched(tmp_path)
    assert [text for text in messages.notes if "gone, which is no folder" in text]


def test_a_folder_of_copies_is_used_before_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    monkeypatch.setenv("GEOSEG_HUB_MIRROR", str(mirror))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    copy = mirror / "org" / "name" / "folder" / "file name.pt"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CONTENT)
    for facts in ({}, {"sha256": SHA256}):
        assert fetched(tmp_path, **facts).read_bytes() == CONTENT
    with pytest.raises(ModelError, match="another file, or broken"):
        fetched(tmp_path, sha256="0" * 64)
    assert not hub.asked


def test_the_cache_of_huggingface_hub_is_used(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "models--org--name"
    blob, link = folder / "blobs" / SHA256, folder / "snapshots" / COMMIT / "folder" / "file name.pt"
    for path in (blob, link, folder / "refs" / "main"):
        path.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(CONTENT)
    link.symlink_to(blob)
    (folder / "refs" / "main").write_text(COMMIT)
    assert local_copy(URL, SHA256) == local_copy(URL, "") == link
    assert local_copy(URL, "0" * 64) is None
    assert fetched(tmp_path).read_bytes() == CONTENT
    assert not hub.asked
    (folder / "refs" / "main").write_text(COMMIT[::-1])
    assert local_copy(URL, SHA256) == link
    assert local_copy(URL, "") is None
    (folder / "refs" / "main").write_text(COMMIT)
    blob.write_bytes(CONTENT[1:])
    assert local_copy(URL, SHA256) is local_copy(URL, "") is None


def test_large_files_need_a_stated_size(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub states the size, so that files of torch may be larger than an ONNX file may be."""
    monkeypatch.setattr("geoseg.cli.fetch.MAX_BYTES", 1000)
    assert fetched(tmp_path).read_bytes() == CONTENT
    assert hub.asked


def test_a_copy_is_hashed_once(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of weights is gigabytes: its SHA-256 is computed where the copy is found, and not again."""
    hashed: list[Path] = []

    def counted(path: Path) -> str:
        hashed.append(path)
        return file_sha256(path)

    for module in (hub_files, published):
        monkeypatch.setattr(module, "file_sha256", counted)
    monkeypatch.setenv("GEOSEG_HUB_MIRROR", str(tmp_path / "mirror"))
    copy = tmp_path / "mirror" / "org" / "name" / "folder" / "file name.pt"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CONTENT)
    assert fetched(tmp_path, sha256=SHA256).read_bytes() == CONTENT
    assert hashed == [copy]
