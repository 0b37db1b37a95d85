"""YAML of others: within limits it is read, beyond them it is an input that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from geoseg.errors import SceneReadError, UsageError
from geoseg.spec.yaml_text import YAML_BYTES, parse_yaml, read_yaml_file

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 400))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: " + "[" * 200 + "]" * 200, "more than 50 levels"),
        ("a: " + "{b: " * 5000, "more than 50 levels"),
        ("[" * 100_000, "more than 50 levels"),
        (LAUGHS, "aliases"),
        (CHAIN, "aliases"),
        ("a: &a [*a]", "part of"),
        ("a: &a {b: *a}", "part of"),
        ("a: " + "9" * 5000, "more than 30 digits"),
        ("a: 0x" + "f" * 5000, "more than 30 digits"),
        ("a: [1, -" + "9" * 40 + "]", "line 1: an integer"),
    ],
)
def test_beyond_the_limits(text: str, message: str) -> None:
    with pytest.raises(SceneReadError, match=message) as caught:
        parse_yaml(text, "a.yaml")
    assert caught.value.exit_code == 3
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text",
    [
        "a: 2021-02-31",
        "a: !!python/object:os.system x",
        "a: [",
        "? [a]: b",
        "a: !!int x",
        "a: *b",
        "a: !!float x",
    ],
)
def test_not_yaml(text: str) -> None:
    with pytest.raises(UsageError, match="not valid YAML"):
        parse_yaml(text, "a.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: &b [1, 2]\nc: *b", {"a": [1, 2], "c": [1, 2]}),
        ("a: &b {c: 1}\nd:\n  <<: *b", {"a": {"c": 1}, "d": {"c": 1}}),
    ],
)
def test_within_them(text: str, value: object) -> None:
    assert parse_yaml(text, "a.yaml")[1] == value


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: " + "x" * YAML_BYTES)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "a.yaml", tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(SceneReadError):
            read_yaml_file(path)
