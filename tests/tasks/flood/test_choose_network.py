"""When `auto` takes a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from geoseg.spec import (
    SceneSpec,
)
from tests.messages import Messages
from tests.tasks.flood.network_bundles import ELSEWHERE, bundle, pair, proof, run, scene, two_dates

OPTICAL = ("green", "swir16")


OLD = {"data": "old", "units": "reflectance", "chips": 9, "score": 0.8, "interval": (0.7, 0.9)}


def test_auto_takes_a_network_that_convinces(tmp_path: Path, zoo: Path, messages: Messages) -> None:
    bundle(zoo / "proven", ("green", "swir16"))
    record, mapped = run(tmp_path, scene(tmp_path), sensor="sentinel-2-l2a")
    assert record.model is not None
    assert record.model["name"] == "proven"
    assert any("the network proven: IoU 0.80 against 0.60 of mndwi" in note for note in messages.notes)
    assert (mapped == 1).sum() == 1600


@pytest.mark.parametrize(
    ("changes", "options", "reason"),
    [
        ({"evidence": proof(OPTICAL, gain=(-0.01, 0.2))}, {}, "with `--model` only: its gain over"),
        (
            {"evidence": proof(OPTICAL, left_out=ELSEWHERE.model_copy(update={"sensors": ()}))},
            {},
            "with `--model` only: it has no scores on another sensor than",
        ),
        ({"evidence": {**OLD, "rival": "mndwi", "gain": (0.1, 0.2)}}, {}, "another sensor, region and event"),
        ({"evidence": None}, {}, ""),
        ({"task": "fields"}, {}, ""),
        ({}, {"method": "classical"}, ""),
        ({}, {"threshold": 0.1, "method": "auto"}, ""),
        ({"resolution": 60.0}, {}, "pixels are 10 m"),
        ({"evidence": proof(OPTICAL, units="dn")}, {}, ""),
    ],
)
def test_auto_keeps_the_method(
    tmp_path: Path,
    zoo: Path,
    changes: dict[str, Any],
    options: dict[str, Any],
    reason: str,
    messages: Messages,
) -> None:
    bundle(zoo / "other", ("green", "swir16"), **changes)
    record, _ = run(tmp_path, scene(tmp_path), sensor="sentinel-2-l2a", **options)
    assert record.model is None
    assert record.runtime["method"] == "mndwi"
    assert not reason or any(reason in note for note in messages.notes)


def test_auto_keeps_the_method_where_values_are_strange(
    tmp_path: Path, zoo: Path, messages: Messages
) -> None:
    bundle(zoo / "bright", ("green", "swir16"), mean=0.9)
    record, _ = run(tmp_path, scene(tmp_path), sensor="sentinel-2-l2a")
    assert record.model is None
    assert any("mapped by a method: the network bright" in note for note in messages.notes)


def test_auto_takes_the_network_of_two_dates_for_a_pair(tmp_path: Path, zoo: Path) -> None:
    after, before = pair(tmp_path, "vv")
    two_dates(zoo)
    record, _ = run(tmp_path, after, before=(SceneSpec(paths=(str(before),)),))
    assert record.model is not None
    record, _ = run(tmp_path, after)
    assert record.model is None
