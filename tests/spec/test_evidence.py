"""When evidence makes a network a default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from geoseg.methods.trivial_rules import water_rules
from geoseg.spec import ClassSpec, Coverage, Evidence, ModelBand, ModelSpec, RivalScore, ScoredSet

BANDS = ("green", "swir16")
TRAINED = Coverage(sensors=("HLS",), regions=("Europe",), events=("spring 2020",))
ELSEWHERE = Coverage(sensors=("Landsat 8",), regions=("Asia",), events=("monsoon 2017",))


def rivals(
    gain: tuple[float, float] | None = (0.05, 0.2), **gains: tuple[float, float]
) -> tuple[RivalScore, ...]:
    """All trivial rules for the bands, and a method."""
    names = [*(rule.name for rule in water_rules(BANDS, db=False)), "classical"]
    return tuple(RivalScore(name=name, score=0.6, gain=gains.get(name, gain)) for name in names)


def scored(**changes: Any) -> ScoredSet:
    facts: dict[str, Any] = {
        "name": "lakes",
        "units": "reflectance",
        "left_out": ELSEWHERE,
        "scenes": 12,
        "score": 0.72,
        "interval": (0.6, 0.8),
        "rivals": rivals(),
        **changes,
    }
    return ScoredSet(**facts)


def model(*sets: ScoredSet, trained: Coverage | None = TRAINED) -> ModelSpec:
    return ModelSpec(
        name="net",
        task="flood",
        bands=tuple(ModelBand(name=band) for band in BANDS),
        units="reflectance",
        classes=(
            ClassSpec(value=0, label="background", colour="#f2efe9"),
            ClassSpec(value=1, label="water", colour="#2b8cff"),
        ),
        weights=Path("model.onnx"),
        training_scenes=trained,
        evidence=Evidence(sets=sets) if sets else None,
    )


def without(kind: str) -> Coverage:
    return ELSEWHERE.model_copy(update={kind: ()})


OBJECTIONS = [
    ("all is fulfilled", scored(), ""),
    ("own sensor", scored(left_out=without("sensors")), "no scores on another sensor than"),
    ("own region", scored(left_out=without("regions")), "no scores on another region than"),
    ("own event", scored(left_out=without("events")), "no scores on another event than"),
    ("nothing left out", scored(left_out=Coverage()), "another sensor, region and event than"),
    ("an interval that touches 0", scored(rivals=rivals((0.0, 0.2))), "is 0.000 to 0.200 on lakes"),
    ("one rival is as good", scored(rivals=rivals(classical=(-0.01, 0.1))), "its gain over classical is"),
    ("a trivial rival is missing", scored(rivals=rivals()[1:]), "not compared with everything on lakes"),
    ("the default method is missing", scored(rivals=rivals()[:-1]), "not compared with classical"),
    ("no rivals", scored(rivals=()), "not compared with everything, MNDWI"),
    ("a gain that was not measured", scored(rivals=rivals(None)), "has no interval on lakes"),
    ("few scenes", scored(scenes=9), "9 scenes, fewer than 10"),
]


@pytest.mark.parametrize(("case", "item", "reason"), OBJECTIONS, ids=[case for case, *_ in OBJECTIONS])
def test_what_makes_a_default(case: str, item: ScoredSet, reason: str) -> None:
    objection = model(item).objection
    assert reason in objection
    assert bool(objection) == bool(reason), case


def test_every_set_with_all_left_out_must_be_won() -> None:
    lost = scored(name="rivers", rivals=rivals((-0.2, 0.1)))
    assert model(scored(), lost).objection.endswith("on rivers")
    own = scored(name="own chips", left_out=Coverage(), rivals=rivals((-0.2, 0.1)))
    assert model(own, scored()).objection == ""


def test_without_evidence_it_is_no_default() -> None:
    assert "not evaluated" in model().objection


@pytest.mark.parametrize("trained", [None, TRAINED | ELSEWHERE, Coverage(sensors=("HLS",))])
def test_what_was_trained_on_cannot_be_left_out(trained: Coverage | None) -> None:
    with pytest.raises(ValidationError, match="left_out of lakes"):
        model(scored(), trained=trained)
    # Networks trained without each part are others than that of the bundle.
    assert model(scored(folds=5), trained=trained).objection == ""


def test_coverage_is_new_only_where_it_is_known() -> None:
    assert ELSEWHERE.new_to(TRAINED) == ELSEWHERE
    assert ELSEWHERE.new_to(Coverage()) == Coverage()
    mixed = Coverage(sensors=("HLS", "Landsat 8"), regions=("Asia",), events=())
    assert mixed.new_to(TRAINED) == Coverage(regions=("Asia",))
    assert (TRAINED | Coverage(sensors=("HLS",))) == Coverage(sensors=("HLS",))


OLD = {
    "data": "lakes",
    "units": "reflectance",
    "chips": 46,
    "score": 0.72,
    "interval": [0.6, 0.81],
    "rival": "mndwi",
    "rival_score": 0.66,
    "gain": [0.03, 0.09],
}


@pytest.mark.parametrize("changes", [{}, {"rival": ""}])
def test_evidence_of_older_bundles_is_read_and_makes_no_default(changes: dict[str, Any]) -> None:
    evidence = Evidence.model_validate({**OLD, **changes})
    (item,) = evidence.sets
    assert (item.name, item.scenes, item.score, item.left_out) == ("lakes", 46, 0.72, Coverage())
    assert [rival.name for rival in item.rivals] == ([] if changes else ["mndwi"])
    assert "another sensor, region and event" in model(item).objection


def test_a_set_replaces_that_of_its_name() -> None:
    evidence = Evidence(sets=(scored(), scored(name="rivers")))
    names = [(item.name, item.score) for item in evidence.with_set(scored(score=0.5)).sets]
    assert names == [("rivers", 0.72), ("lakes", 0.5)]
    assert evidence.of_units({"db"}) is None
