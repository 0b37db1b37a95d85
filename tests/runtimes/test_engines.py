"""The cache of engines: one build for any number of processes, and never half an engine."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from geoseg.errors import OutputError
from geoseg.runtimes.engines import EngineKey, EngineStore, engine_folder

KEY = EngineKey(
    model="water-optical",
    sha256="ab" * 32,
    tensorrt="10.3.0",
    gpu="NVIDIA H100 80GB HBM3",
    capability=(9, 0),
    precision="fp16",
    profile=(1, 8, 8),
    tile=512,
)

SLOW = """
import sys, time
from pathlib import Path
from tests.runtimes.test_engines import KEY
from geoseg.runtimes.engines import EngineStore
folder = Path(sys.argv[1])

def build():
    with open(folder / "builds", "a") as file:
        file.write("x")
    (folder / "building").touch()
    time.sleep(float(sys.argv[2]))
    return b"engine", {}

print(EngineStore(folder / "store").open(KEY, bytes, build, lambda text: print(text, file=sys.stderr))[0])
"""


def _process(folder: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def _wait_for(path: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not appear"
        time.sleep(0.02)


def _open(store: EngineStore, key: EngineKey, content: bytes = b"engine") -> tuple[bytes, int]:
    """The engine of a key, and how often it was built for it."""
    builds: list[int] = []

    def build() -> tuple[bytes, dict[str, object]]:
        builds.append(1)
        return content, {}

    loaded, _ = store.open(key, lambda found: found, build, lambda _: None)  # type: ignore[arg-type]
    return loaded, len(builds)


def test_two_processes_at_once_build_once(tmp_path: Path) -> None:
    processes = [_process(tmp_path, 1.0) for _ in range(2)]
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert [out for out, _ in told] == ["b'engine'\n"] * 2
    assert (tmp_path / "builds").read_text() == "x"
    assert sum("waiting for another process" in err for _, err in told) == 1
    assert sum("building a TensorRT engine for water-optical" in err for _, err in told) == 1


def test_a_killed_build_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    killed = _process(tmp_path, 600)
    _wait_for(tmp_path / "building")
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    store = EngineStore(tmp_path / "store")
    assert store.record_of(KEY) is None
    assert _open(store, KEY) == (b"engine", 1)
    assert {path.suffix for path in store.folder.iterdir()} == {".engine", ".json", ".lock"}


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    (tmp_path / f".{KEY.stem}.engine.4711").write_bytes(b"half")
    _open(store, KEY)
    assert not list(tmp_path.glob(".*"))


def test_an_engine_is_read_again(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    assert [_open(store, KEY) for _ in range(3)] == [(b"engine", 1), (b"engine", 0), (b"engine", 0)]


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "cd" * 32},
        {"tensorrt": "10.4.0"},
        {"gpu": "NVIDIA H200"},
        {"capability": (10, 0)},
        {"precision": "fp32"},
        {"profile": (1, 4, 8)},
        {"tile": 256},
    ],
    ids=str,
)
def test_each_part_of_the_key_counts(change: dict[str, object], tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    _open(store, KEY)
    assert _open(store, replace(KEY, **change), b"other") == (b"other", 1)  # type: ignore[arg-type]
    assert _open(store, KEY) == (b"engine", 0)


def test_the_name_of_a_model_does_not_count(tmp_path: Path) -> None:
    assert replace(KEY, model="renamed").digest == KEY.digest


def test_damage_is_found_whatever_part_it_hits(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    engine, record = store.engine(KEY), store.engine(KEY).with_suffix(".json")
    for damage in (
        lambda: engine.write_bytes(b"engin"),
        lambda: engine.write_bytes(b"engime"),
        engine.unlink,
        record.unlink,
        lambda: record.write_text("{"),
        lambda: record.write_text(json.dumps({**json.loads(record.read_text()), "digest": "0"})),
    ):
        _open(store, KEY)
        damage()
        assert _open(store, KEY) == (b"engine", 1)


def test_what_does_not_load_is_built_anew(tmp_path: Path) -> None:
    """As an engine of a driver that is gone: its bytes are whole, and TensorRT refuses them."""
    store = EngineStore(tmp_path)
    _open(store, KEY, b"old")
    loaded, _ = store.open(
        KEY, lambda found: found if found != b"old" else None, lambda: (b"new", {}), lambda _: None
    )
    assert loaded == b"new"
    assert store.engine(KEY).read_bytes() == b"new"


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)

    def fail() -> tuple[bytes, dict[str, object]]:
        raise ValueError("no kernel")

    with pytest.raises(ValueError, match="no kernel"):
        store.open(KEY, bytes, fail, lambda _: None)  # type: ignore[arg-type]
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    assert _open(store, KEY) == (b"engine", 1)


def test_records_are_amended(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    _open(store, KEY)
    store.amend(KEY, {"agreement": {"worst_iou": 0.999}})
    record = store.record_of(KEY)
    assert record is not None
    assert record["agreement"] == {"worst_iou": 0.999}
    assert _open(store, KEY) == (b"engine", 0)


def test_a_cache_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="GEOSEG_CACHE"):
        _open(EngineStore(tmp_path / "file" / "store"), KEY)


def test_the_folder_follows_the_usual_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEOSEG_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engine_folder() == tmp_path / "geoseg" / "engines"
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "own"))
    assert engine_folder() == tmp_path / "own"


def test_a_file_system_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(OutputError, match=r"cannot be locked: No locks available; .* GEOSEG_CACHE"):
        _open(EngineStore(tmp_path), KEY)
