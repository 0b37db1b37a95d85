"""What a failed training leaves in its folder, and what a full disk means."""

from __future__ import annotations

import errno
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.errors import OutputError, SceneError
from geoseg.learn.train.trainer import check_start
from geoseg.learn.train.training_output import training_output
from geoseg.learn.train.training_spec import PaceSpec
from tests.disks import small_disk
from tests.prepared_process import geoseg
from tests.simulated import CONFIG, write_set


def write(folder: Path, text: str, *, checkpoint: bool = True) -> None:
    """Write what a training writes."""
    (folder / "logs").mkdir()
    (folder / "logs" / "metrics.csv").write_text(text)
    (folder / "training.json").write_text(text)
    if checkpoint:
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "last.ckpt").write_text(text)


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def failing(
    folder: Path, error: BaseException, text: str = "", *, checkpoint: bool = True, **how: bool
) -> None:
    """Run a training that writes and fails."""
    with training_output(folder, **how):
        if text:
            write(folder, text, checkpoint=checkpoint)
        raise error


def test_a_training_that_fails_early_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SceneError):
        failing(tmp_path / "runs" / "a", SceneError("no labels"), "new", checkpoint=False)
    assert not list(tmp_path.iterdir())


def test_a_training_with_a_checkpoint_stays(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        failing(tmp_path / "a", KeyboardInterrupt(), "new")
    assert set(texts(tmp_path / "a").values()) == {"new"}
    with pytest.raises(SceneError):
        failing(tmp_path / "a", SceneError("no labels"), resume=True)
    assert len(texts(tmp_path / "a")) == 3


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_without_checkpoint_is_not_resumed(tmp_path: Path, *, there: bool) -> None:
    folder = tmp_path / "a"
    if there:
        folder.mkdir()
    how = "with `--overwrite` in place of `--resume`" if there else "without `--resume`"
    with pytest.raises(OutputError, match=f"no checkpoint to resume from; start the training {how}"):
        check_start(PaceSpec(epochs=1), folder, resume=True)


@pytest.mark.parametrize("checkpoint", [False, True])
def test_what_continues_a_folder_is_said(tmp_path: Path, *, checkpoint: bool) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    if checkpoint:
        write(folder, "old")
    config = tmp_path / "water.yaml"
    config.write_text(CONFIG.format(root=tmp_path))
    done = geoseg("train", config, "-o", folder)
    assert done.returncode == 6
    assert ("add `--resume`" in done.stderr) == checkpoint
    assert "`--overwrite` to start again" in done.stderr


@pytest.mark.parametrize("checkpoint", [False, True])
def test_the_old_training_is_there_until_the_new_one_has_a_checkpoint(
    tmp_path: Path, *, checkpoint: bool
) -> None:
    folder = tmp_path / "a"
    with training_output(folder):
        write(folder, "old")
    (folder / "notes.txt").write_text("of the user")
    with pytest.raises(SceneError):
        failing(folder, SceneError("no labels"), "new", checkpoint=checkpoint)
    assert set(texts(folder).values()) == {"new" if checkpoint else "old", "of the user"}
    with training_output(folder):
        write(folder, "newest")
    assert set(texts(folder).values()) == {"newest", "of the user"}


def test_full_disks_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        failing(tmp_path / "run", RuntimeError("shapes differ"))
    with small_disk(tmp_path / "disk", 64) as disk:
        (disk / "run").mkdir()
        fill(disk)
        with pytest.raises(OutputError, match="run is full"):
            failing(disk / "run", RuntimeError("torch cannot write"))
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        with pytest.raises(OutputError, match="TMPDIR"):
            failing(tmp_path / "run", OSError(errno.ENOSPC, "no space"))
    assert not (tmp_path / "run").exists()


def fill(disk: Path) -> None:
    """Fill a disk."""
    with suppress(OSError):
        (disk / "fill").write_bytes(bytes(128 * 1024))


@pytest.mark.slow
@pytest.mark.parametrize("kib", [16, 2000])
def test_a_real_training_on_a_full_disk(kib: int, tmp_path: Path) -> None:
    write_set(tmp_path / "set", chips=8)
    config = tmp_path / "water.yaml"
    config.write_text(CONFIG.format(root=tmp_path / "set"))
    with small_disk(tmp_path / "disk", kib) as disk:
        words = ["train", config, "-o", disk / "run", "--set", "loop.epochs=1", "--threads", "1"]
        call = [sys.executable, "-m", "geoseg", *map(str, words)]
        done = subprocess.run(call, check=False, capture_output=True, text=True)
        assert done.returncode == 6, done.stderr
        assert "is full" in done.stderr
        assert not list(disk.iterdir())
