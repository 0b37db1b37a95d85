"""The journal: what a run that was killed leaves, and what the next run reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.batch.job import Job
from geoseg.batch.journal import Journal, Known, journal_name
from geoseg.batch.outcome import Outcome, OutputFile
from geoseg.errors import OutputError, SceneReadError, UsageError

JOB = Job(index=0, scene="a", task="flood", sources=("a.tif",), options={}, outputs={"output": "x/a.fgb"})


def done(scene: str, created: str = "1", stamp: str = "s") -> Outcome:
    files = (OutputFile(role="output", href=f"{scene}.gpkg", size=3),)
    return Outcome(scene=scene, status="done", stamp=stamp, outputs=files, created=created)


def test_the_next_run_knows_outcomes_and_files(tmp_path: Path) -> None:
    with Journal(tmp_path, "flood") as journal:
        journal.planned([JOB])
        journal.add(done("b"))
    with Journal(tmp_path, "flood") as journal:
        assert journal.outcomes == {"b": done("b")}
        assert journal.owned == {"x/a.fgb", "x/a.scene.fgb", "b.gpkg"}


@pytest.mark.parametrize("rest", [b'{"event": "scene", "sce', b"\x00" * 70_000, b"{"])
def test_an_incomplete_last_line_is_removed(rest: bytes, tmp_path: Path) -> None:
    with Journal(tmp_path, "flood") as journal:
        journal.add(done("a"))
    path = tmp_path / journal_name(None)
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    with Journal(tmp_path, "flood") as journal:
        assert set(journal.outcomes) == {"a"}
        journal.add(done("b"))
    assert path.read_bytes().startswith(whole)
    assert set(Known.of(tmp_path, "flood").outcomes) == {"a", "b"}


def test_a_damaged_line_is_an_error(tmp_path: Path) -> None:
    (tmp_path / journal_name(None)).write_text("what\n")
    with pytest.raises(SceneReadError, match="line 1: is not a valid line of a journal"):
        Journal(tmp_path, "flood")


def test_another_task_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path, "flood") as journal:
        journal.planned([JOB])
    with pytest.raises(UsageError, match="holds maps of flood, not of change"):
        Journal(tmp_path, "change")


def test_two_batches_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with Journal(tmp_path, "flood"), pytest.raises(OutputError, match="another batch writes"):
        Journal(tmp_path, "flood")
    with Journal(tmp_path, "flood", (0, 2)), Journal(tmp_path, "flood", (1, 2)):
        pass


def test_of_several_journals_the_latest_counts(tmp_path: Path) -> None:
    with Journal(tmp_path, "flood", (0, 2)) as journal:
        journal.add(done("a", created="2", stamp="new"))
    with Journal(tmp_path, "flood", (1, 2)) as journal:
        journal.add(done("a", created="1", stamp="old"))
    assert Known.of(tmp_path, "flood").outcomes["a"].stamp == "new"
