"""Exceptions of any kind are caught at the doors (`geoseg.files.doors`) only, or to clean up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BROAD = frozenset({"Exception", "BaseException"})
ANSWERED = {
    "geoseg/files/doors.py": 1,  # the doors
    "cli/app.py": 1,  # exit code 1
    "geoseg/batch/work.py": 1,  # the failure of a scene is its outcome
    "geoseg/batch/dask_workers.py": 2,  # a task's failure on a cluster; the end of the connection
}
"""Files that answer any exception, and how often."""


def catches(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that catch any exception and do not raise it again."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or names(node.type) & BROAD):
            last = node.body[-1]
            if not (isinstance(last, ast.Raise) and last.exc is None):
                yield node.lineno
        elif (
            isinstance(node, ast.Call)
            and names(node.func) & {"suppress"}
            and any(names(argument) & BROAD for argument in node.args)
        ):
            yield node.lineno


def names(node: ast.expr) -> frozenset[str]:
    """Return the names of exceptions, without their modules."""
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    return frozenset(
        item.attr if isinstance(item, ast.Attribute) else item.id
        for item in items
        if isinstance(item, ast.Attribute | ast.Name)
    )


def test_any_exception_is_answered_at_the_doors_only() -> None:
    found: dict[str, int] = {}
    for room in ("geoseg", "cli", "models", "qgis"):
        for path in sorted((ROOT / room).rglob("*.py")):
            lines = list(catches(ast.parse(path.read_text(encoding="utf-8"))))
            if lines:
                found[path.relative_to(ROOT).as_posix()] = len(lines)
    assert found == ANSWERED


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("try: f()\nexcept Exception: pass", 1),
        ("try: f()\nexcept: pass", 1),
        ("try: f()\nexcept (OSError, BaseException) as error: raise ValueError from error", 1),
        ("try: f()\nexcept BaseException:\n    close()\n    raise", 0),
        ("try: f()\nexcept OSError: pass", 0),
        ("with contextlib.suppress(Exception): f()", 1),
        ("with suppress(OSError): f()", 0),
    ],
)
def test_what_counts(text: str, count: int) -> None:
    assert len(list(catches(ast.parse(text)))) == count
