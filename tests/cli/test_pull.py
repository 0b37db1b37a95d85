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

from tests.disks import small_disk

Geoseg = Callable[..., tuple[str, str]]
WEIGHTS = b"\x12\xd8\x36" + b"weights" * 1000  # an ONNX file: 7000 bytes of the name of its producer
SHA = f"1220{hashlib.sha256(WEIGHTS).hexdigest()}"


class _Silent(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        """Whatever is asked for below /any is the weights."""
        return super().translate_path("/large.onnx" if path.startswith("/any/") else path)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    for name in ("large.onnx", "new.onnx"):
        (folder / name).write_bytes(WEIGHTS)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/large.onnx"
        httpd.shutdown()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path / "cache"


def _bundle(folder: Path, href: object, checksum: str | None, name: object = "large", **more: object) -> Path:
    folder.mkdir(parents=True)
    asset = {"href": href, "roles": ["mlm:model"], "title": "weights", **more}
    if checksum is not None:
        asset["file:checksum"] = checksum
    item = {"type": "Feature", "id": name, "assets": {"card": {"href": "./README.md"}, "model": asset}}
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


def test_a_program_is_not_downloaded(server: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    """It is code of its author, and no network that runtimes but torch could run."""
    sha = hashlib.sha256(WEIGHTS).hexdigest()
    kind = {"mlm:artifact_type": "torch.export.save"}
    address = server.replace("large.onnx", "new.onnx")
    only = _bundle(tmp_path / "only", address, f"1220{sha}", **kind)
    assert "no asset has the role mlm:model" in geoseg("models", "pull", only, code=4)[1]
    both = _bundle(tmp_path / "both", server, f"1220{sha}")
    item = json.loads((both / "model.json").read_text())
    item["assets"] = {"a": {"href": address, "roles": ["mlm:model"], **kind}, **item["assets"]}
    (both / "model.json").write_text(json.dumps(item))
    geoseg("models", "pull", both)
    assert sorted(path.name for path in (cache / "large").iterdir()) == ["large.onnx", "model.json"]


@pytest.mark.parametrize("checksum", [None, "d41d8cd98f00b204e9800998ecf8427e", "1220abc"])
def test_no_hash_no_fetch(
    checksum: str | None, server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    _, err = geoseg("models", "pull", _bundle(tmp_path / "b", server, checksum), code=4)
    assert "no SHA-256" in err
    assert not cache.exists()


def test_weights_that_are_there_are_not_fetched(cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    bundle = _bundle(tmp_path / "b", "./model.onnx", None)
    (bundle / "model.onnx").write_bytes(WEIGHTS)
    out, err = geoseg("models", "pull", bundle)
    assert "nothing to download" in err
    assert out.strip() == f"--model {bundle}"


@pytest.mark.parametrize(
    "href",
    [
        "./model.onnx",
        "",
        "ftp://127.0.0.1/x.onnx",
        "s3://bucket/x.onnx",
        "http://[::1",
        "file:///etc/hostname",
        "x" * 5000,
    ],
)
def test_weights_that_are_nowhere_are_not_told_as_there(
    href: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    _, err = geoseg("models", "pull", _bundle(tmp_path / "b", href, None), code=4)
    assert "not in the folder" in err or "neither in its folder" in err or "cannot be read" in err
    assert not cache.exists()


def test_no_such_bundle(cache: Path, geoseg: Geoseg, tmp_path: Path) -> None:
    _, err = geoseg("models", "pull", "no-such-model", code=4)
    assert "no-such-model" in err
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "model.json").write_text("[]")
    _, err = geoseg("models", "pull", tmp_path / "b", code=4)
    assert "not a JSON object" in err


def _everything(folder: Path) -> dict[str, bytes | str]:
    """All files and links below a folder."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


HOSTILE = (
    "/tmp/victim", "../victim", "..", ".", "a/../../victim", "a/b", "a\\..\\..\\victim", "C:\\victim",
    "C:victim", "\\\\host\\share", ".victim", "~", "~root", "a\0b", "a\nb", "x" * 101, "x" * 5000, "CON",
    "nul", "Com1.onnx", "LPT9 .x", "a.", "a ", " a", "-rf", "a..b", "a:b", "a*", "$HOME", "Ü", ["a"],
    {"a": 1}, "\u202egnp.exe",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:20])
def test_ids_that_are_no_folder_are_refused(
    name: object, server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    bundle = _bundle(tmp_path / "b", server, SHA, name)
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "model.json").write_text("kept")
    before = _everything(tmp_path)
    for options in ([], ["--overwrite"]):
        _, err = geoseg("models", "pull", bundle, *options, code=4)
        assert "cannot name a folder" in err
        assert str(bundle) in err
    assert _everything(tmp_path) == before
    assert not cache.exists()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("new.onnx?x=/../../victim", "new.onnx"),
        ("", "any"),
        ("..", "model.onnx"),
        ("model.json", "model.onnx"),
        ("MODEL.JSON", "model.onnx"),
        ("README.md", "model.onnx"),
        (".bashrc", "model.onnx"),
        ("CON", "model.onnx"),
        ("nul.onnx", "model.onnx"),
        ("x" * 300, "model.onnx"),
        ("a%00b", "model.onnx"),
        ("..%2f..%2flarge.onnx", "large.onnx"),
        ("..%5c..%5cvictim", "model.onnx"),
        ("%2e%2e", "model.onnx"),
        ("~root", "model.onnx"),
    ],
)
def test_weights_lie_beside_their_description_whatever_the_address(
    address: str, name: str, server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    bundle = _bundle(tmp_path / "b", server.replace("large.onnx", f"any/{address}"), SHA)
    before = _everything(tmp_path)
    geoseg("models", "pull", bundle)
    made = {path: content for path, content in _everything(tmp_path).items() if path not in before}
    assert set(made) == {"cache/large/model.json", f"cache/large/{name}"}
    assert made[f"cache/large/{name}"] == WEIGHTS
    assert json.loads(made["cache/large/model.json"])["assets"]["model"]["href"] == f"./{name}"


@pytest.mark.parametrize("link", ["large", "large/model.json", "large/large.onnx"])
@pytest.mark.parametrize("dead", [False, True])
def test_links_in_the_folder_of_models_are_not_followed(
    link: str, dead: bool, server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    victim = tmp_path / "victim"
    if not dead:
        victim.mkdir() if link == "large" else victim.write_text("kept")
    (cache / link).parent.mkdir(parents=True)
    (cache / link).symlink_to(victim)
    bundle = _bundle(tmp_path / "b", server, SHA)
    before = _everything(tmp_path)
    for options in ([], ["--overwrite"]):
        _, err = geoseg("models", "pull", bundle, *options, code=6)
        assert "is a link" in err
    assert _everything(tmp_path) == before
    assert victim.exists() != dead


def test_the_folder_of_models_may_be_a_link_itself(
    server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    (tmp_path / "disk").mkdir()
    cache.symlink_to(tmp_path / "disk")
    geoseg("models", "pull", _bundle(tmp_path / "b", server, SHA))
    assert (tmp_path / "disk" / "large" / "large.onnx").read_bytes() == WEIGHTS


def test_another_model_is_replaced_by_overwrite_only(
    server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    first = _bundle(tmp_path / "b", server, SHA)
    geoseg("models", "pull", first)
    before = _everything(cache)
    out, err = geoseg("models", "pull", first)
    assert "already complete" in err
    assert out.strip() == f"--model {cache / 'large'}"
    other = _bundle(tmp_path / "c", server.replace("large", "new"), SHA, title="another")
    _, err = geoseg("models", "pull", other, code=6)
    assert "add `--overwrite`" in err
    assert _everything(cache) == before
    # What fails leaves the old model as it was.
    wrong = _bundle(tmp_path / "d", server, "1220" + "0" * 64)
    geoseg("models", "pull", wrong, "--overwrite", code=4)
    gone = _bundle(tmp_path / "e", server + "x", SHA)
    _, err = geoseg("models", "pull", gone, "--overwrite", code=3)
    assert server + "x" in err
    assert _everything(cache) == before
    geoseg("models", "pull", other, "--overwrite")
    item = json.loads((cache / "large" / "model.json").read_text())
    assert item["assets"]["model"]["title"] == "another"
    # A file that is damaged is fetched again.
    (cache / "large" / "new.onnx").write_bytes(b"damaged")
    geoseg("models", "pull", other, code=6)
    geoseg("models", "pull", other, "--overwrite")
    assert (cache / "large" / "new.onnx").read_bytes() == WEIGHTS


def test_a_bundle_of_the_users_folder_is_completed_in_place(
    server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    bundle = _bundle(cache / "large", server, SHA)
    (bundle / "README.md").write_text("its card")
    out, _ = geoseg("models", "pull", "large")
    assert out.strip() == f"--model {bundle}"
    assert set(_everything(cache)) == {"large/model.json", "large/large.onnx", "large/README.md"}
    assert "nothing to download" in geoseg("models", "pull", "large")[1]


@pytest.mark.parametrize(
    "item",
    [
        "[]",
        "{",
        "null",
        "{}",
        '{"assets": []}',
        '{"assets": {"a": 5}}',
        '{"assets": {"a": {"roles": ["mlm:model"]}}}',
        '{"assets": {"a": {"href": 5, "roles": ["mlm:model"]}}}',
        '{"assets": {"a": {"href": "x", "roles": "mlm:model"}}}',
        '{"assets": {"a": {"href": "x", "roles": [["mlm:model"]]}}}',
        '{"assets": {"a": {"href": "http://x/y", "roles": ["mlm:model"], "file:checksum": 5}}}',
        '{"assets": {"a": {"href": "http://x/y", "roles": ["mlm:model"], "file:size": -5}}}',
        "[" * 100_000,
        '{"id": NaN}',
    ],
    ids=lambda text: text[:40],
)
def test_descriptions_that_are_none(item: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "model.json").write_text(item)
    _, err = geoseg("models", "pull", tmp_path / "b", code=4)
    assert "model.json" in err
    assert not cache.exists()


def test_the_stated_size_is_held(server: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    for number, size in enumerate((len(WEIGHTS) - 1, 10**12)):
        bundle = _bundle(tmp_path / f"b{number}", server, SHA, **{"file:size": size})
        _, err = geoseg("models", "pull", bundle, code=3)
        assert server in err
        assert not list(cache.rglob("*.*"))
    geoseg("models", "pull", _bundle(tmp_path / "c", server, SHA, **{"file:size": len(WEIGHTS)}))


def test_a_full_disk_leaves_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geoseg: Geoseg
) -> None:
    bundle = _bundle(tmp_path / "b", server, SHA)
    with small_disk(tmp_path / "disk", 4) as disk:
        monkeypatch.setenv("GEOSEG_MODELS", str(disk))
        _, err = geoseg("models", "pull", bundle, code=6)
        assert "is full" in err
        assert list(disk.iterdir()) == []


def _with_data(folder: Path, server: str, **data: object) -> Path:
    """A bundle whose network has external data, with the asset that lists them."""
    bundle = _bundle(folder, server, SHA)
    item = json.loads((bundle / "model.json").read_text())
    asset = {"href": server.replace("large.onnx", "new.onnx"), "roles": ["geoseg:external-data"]}
    item["assets"]["data"] = {**asset, "file:checksum": SHA, **data}
    (bundle / "model.json").write_text(json.dumps(item))
    return bundle


def test_external_data_are_fetched_too(server: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    bundle = _with_data(tmp_path / "b", server)
    geoseg("models", "pull", bundle)
    assert set(_everything(cache)) == {"large/model.json", "large/large.onnx", "large/new.onnx"}
    item = json.loads((cache / "large" / "model.json").read_text())
    assert item["assets"]["data"]["href"] == "./new.onnx"
    assert "already complete" in geoseg("models", "pull", bundle)[1]
    # One damaged file makes the bundle incomplete.
    (cache / "large" / "new.onnx").write_bytes(b"damaged")
    geoseg("models", "pull", bundle, code=6)
    geoseg("models", "pull", bundle, "--overwrite")
    assert (cache / "large" / "new.onnx").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    "data",
    [
        {"file:checksum": ""},
        {"href": "./data.bin"},
        {"href": "file:///etc/hostname"},
        {"href": "http://127.0.0.1:9/..%2f..%2fvictim%5c"},
        {"href": "http://127.0.0.1:9/model.json"},
        {"href": "http://127.0.0.1:9/.bashrc"},
        {"href": "http://127.0.0.1:9/LARGE.onnx"},
    ],
)
def test_external_data_that_are_not_contained(
    data: dict[str, object], server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    geoseg("models", "pull", _with_data(tmp_path / "b", server, **data), code=4)
    assert not cache.exists()


def test_what_fails_leaves_nothing(server: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    bundle = _with_data(tmp_path / "b", server, **{"file:checksum": "1220" + "0" * 64})
    geoseg("models", "pull", bundle, code=4)
    assert _everything(cache) == {}


def test_a_broken_download_is_resumed(server: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    """By the next run, from a hidden file that has the hash as its name."""
    cache.mkdir()
    (cache / f".{SHA[4:]}.part").write_bytes(WEIGHTS[:100])
    geoseg("models", "pull", _bundle(tmp_path / "b", server, SHA))
    assert set(_everything(cache)) == {"large/model.json", "large/large.onnx"}
    assert (cache / "large" / "large.onnx").read_bytes() == WEIGHTS


def test_a_link_to_resume_into(server: str, cache: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    cache.mkdir()
    (tmp_path / "victim").write_bytes(b"kept")
    (cache / f".{SHA[4:]}.part").symlink_to(tmp_path / "victim")
    _, err = geoseg("models", "pull", _bundle(tmp_path / "b", server, SHA), code=6)
    assert "is a link" in err
    assert (tmp_path / "victim").read_bytes() == b"kept"


def test_a_bundle_with_a_name_of_geoseg_is_not_pulled(
    server: str, cache: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    bundle = _bundle(tmp_path / "b", server, SHA, name="water-optical")
    _, err = geoseg("models", "pull", bundle, code=6)
    assert "geoseg has a model named water-optical" in err
    assert not cache.exists()
