"""What is wrong in a YAML document is said with its line and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.errors import UsageError
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.spec.documents import find_document, parse_document
from tests.simulated import CONFIG

TEXT = CONFIG.format(root="set")


def parse(text: str, **changes: object) -> TrainSpec:
    return parse_document("my.yaml", text, TrainSpec, {k.replace("__", "."): v for k, v in changes.items()})


def test_values_are_read_and_replaced() -> None:
    assert parse(TEXT).loop.epochs == 4
    assert parse(TEXT, loop__epochs=9, data__labels__band=2).loop.epochs == 9


def test_changes_of_the_caller_stay_as_they_are() -> None:
    changes = {"augment": {"flips": False}, "augment.flips": True}
    assert parse_document("my.yaml", TEXT, TrainSpec, changes).augment.flips
    assert changes["augment"] == {"flips": False}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tile: 96", "tiel: 96", r"my\.yaml, line \d+: unknown key 'tiel'; did you mean tile\?"),
        ("encoder: tu", "encodr: tu", r"line \d+: unknown key 'network\.encodr'; did you mean encoder\?"),
        ("sensor: sent", "sensr: sent", r"line 9: unknown key 'data\.images\.0\.sensr'; did you mean sensor"),
        ("units: reflectance\n", "", "units is missing"),
        ("epochs: 4", "epochs: none", r"line \d+: loop\.epochs: 'none' should be a whole number"),
        ("value: 1, label", "value: 0, label", "two classes have the same value"),
        ("codes: {1: 0, 2: 1}", "codes: {1: 0, 2: 5}", "labels.codes: class 5 does not exist"),
        ("tile: 96", "tile: [96", "not valid YAML"),
    ],
)  # fmt: skip
def test_mistakes(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(UsageError, match=message):
        parse(TEXT.replace(old, new))


def test_documents_are_found_by_path_or_name(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("a: 1")
    assert find_document(str(tmp_path / "own.yaml"), "train")[1] == "a: 1"
    assert "name: flood-sar\n" in find_document("flood-sar", "train")[1]
    with pytest.raises(UsageError, match="did you mean flood-sar"):
        find_document("flod-sar", "train")
    with pytest.raises(UsageError, match="cannot be read"):
        find_document(str(tmp_path), "train")
