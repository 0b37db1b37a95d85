"""Notes and warnings are logged, and gathered for the run they belong to."""

from __future__ import annotations

import ast
import logging
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from geoseg.engine.reading import ahead
from geoseg.messages import Message, collected, collecting, counted, held, note, prefixed, replay, warn
from geoseg.run_record import RunRecord, RunWarning
from tests.messages import Messages

ROOT = Path(__file__).parents[1]
LOG = logging.getLogger("geoseg.tests")


def test_a_run_gathers_each_text_once_in_order(messages: Messages) -> None:
    with collecting() as run:
        note(LOG, "a")
        warn(LOG, "code-b", "b")
        note(LOG, "a")
        warn(LOG, "code-b", "b")
        note(LOG, "b")
        assert collected() is run
    note(LOG, "a")
    assert (run.notes, [(item.code, item.text) for item in run.warnings]) == (("a", "b"), [("code-b", "b")])
    assert (messages.notes, messages.warnings, messages.codes) == (["a", "b", "a"], ["b"], ["code-b"])
    assert collected().messages == []


def test_runs_within_runs_do_not_mix(messages: Messages) -> None:
    with collecting() as outer:
        note(LOG, "outer")
        with collecting() as inner:
            note(LOG, "outer")
            note(LOG, "inner")
        note(LOG, "inner")
    assert (outer.notes, inner.notes) == (("outer", "inner"), ("outer", "inner"))
    assert messages.notes == ["outer", "outer", "inner", "inner"]


def test_runs_at_the_same_time_do_not_mix() -> None:
    together = Barrier(2, timeout=60)

    @collecting()
    def run(name: str) -> tuple[str, ...]:
        for number in range(20):
            together.wait()
            note(LOG, f"{name} {number}")
        return collected().notes

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, ("one", "two")))
    assert found == [tuple(f"{name} {number}" for number in range(20)) for name in ("one", "two")]


def test_threads_that_read_ahead_belong_to_the_run() -> None:
    def items() -> object:
        for number in range(3):
            note(LOG, f"read {number}")
            yield number

    with collecting() as run:
        assert list(ahead(iter(items()))) == [0, 1, 2]  # type: ignore[call-overload]
    assert run.notes == ("read 0", "read 1", "read 2")


def test_held_messages_are_logged_only_when_they_are_replayed(messages: Messages) -> None:
    with collecting() as run:
        with held() as kept:
            warn(LOG, "code-w", "w")
            note(LOG, "n")
        assert not run.messages
        assert not messages.notes
        replay(kept, of="scene")
        replay(kept[:0])
    assert kept == [
        Message(logger=LOG.name, text="w", code="code-w"),
        Message(logger=LOG.name, text="n"),
    ]
    assert [item.text for item in run.messages] == ["scene: n", "scene: w"], "notes first"
    assert messages.warnings == ["scene: w"]


def test_a_run_whose_messages_are_held_has_them_in_its_record(messages: Messages) -> None:
    with held() as kept, collecting() as run:
        warn(LOG, "code-w", "w")
    assert [item.text for item in run.warnings] == [item.text for item in kept] == ["w"]
    assert messages.warnings == []


def test_prefixes_add_up(messages: Messages) -> None:
    with prefixed("a: "), prefixed("b: "):
        note(LOG, "n")
    note(LOG, "n")
    assert messages.notes == ["a: b: n", "n"]


def test_the_record_does_not_depend_on_levels(messages: Messages) -> None:
    logging.getLogger("geoseg").setLevel(logging.CRITICAL)
    with collecting() as run:
        note(LOG, "n")
        warn(LOG, "code-w", "w")
    assert (run.notes, len(run.warnings)) == (("n",), 1)
    assert (messages.notes, messages.warnings) == ([], [])


def test_nothing_is_printed_without_a_handler() -> None:
    code = (
        "import logging; from geoseg.messages import note, warn; "
        "log = logging.getLogger('geoseg.x'); note(log, 'n'); warn(log, 'c', 'w')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""


def record(warnings: object) -> RunRecord:
    return RunRecord.model_validate(
        {
            "geoseg": "0.1.0",
            "task": "flood",
            "command": {},
            "inputs": [],
            "method": "mndwi",
            "created": "2026-01-01T00:00:00+00:00",
            "crs": None,
            "valid_share": 1.0,
            "classes": [],
            "warnings": warnings,
        }
    )


def test_records_keep_codes_and_old_ones_are_read() -> None:
    new = record([{"code": "low-sun", "text": "w"}])
    assert RunRecord.model_validate_json(new.model_dump_json()) == new
    assert record(["w"]).warnings == (RunWarning(code="", text="w"),)
    with pytest.raises(ValueError, match="warnings"):
        record("w")


def calls() -> list[tuple[Path, ast.Call]]:
    """All calls of `warn` in the package."""
    found = []
    for path in [*(ROOT / "geoseg").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        if path.name == "messages.py":
            continue
        found += [
            (path, node)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "warn"
        ]
    return found


def test_every_code_is_documented() -> None:
    codes = set()
    for path, call in calls():
        code = call.args[1]
        assert isinstance(code, ast.Constant), f"{path}:{call.lineno}: the code is a literal"
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", str(code.value)), f"{path}:{call.lineno}"
        codes.add(str(code.value))
    text = (ROOT / "docs" / "warnings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE)
    assert rows == sorted(rows)
    assert len(rows) == len(set(rows))
    assert set(rows) == codes


def test_modules_log_through_messages_alone() -> None:
    """What is logged past `note` and `warn` has no code and is in no record."""
    for path in (ROOT / "geoseg").rglob("*.py"):
        if path.name != "messages.py":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\bLOG\.(debug|info|warning|error|exception|log)\(", text), path


def test_texts_are_no_formats(messages: Messages) -> None:
    """Percent signs and braces in a text are no format."""
    note(LOG, "100% of {x} %s")
    assert messages.notes == ["100% of {x} %s"]


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 maps"), (1, "1 map"), (2, "2 maps"), (1200, "1,200 maps")]
)
def test_counts_agree_with_their_nouns(number: int, words: str) -> None:
    assert counted(number, "map") == words


def test_irregular_plurals_are_given() -> None:
    assert (counted(1, "class", "classes"), counted(3, "class", "classes")) == ("1 class", "3 classes")
