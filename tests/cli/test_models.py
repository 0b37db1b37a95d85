"""What `geoseg models` and `geoseg doctor` say of installed networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tasks.flood.network_bundles import ELSEWHERE, bundle, proof

Geoseg = Callable[..., tuple[str, str]]
BANDS = ("green", "swir16")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's models: one that may be a default, one of its own region, and one of old."""
    folder = tmp_path / "models"
    monkeypatch.setenv("GEOSEG_MODELS", str(folder))
    near = ELSEWHERE.model_copy(update={"regions": ()})
    old = {"data": "old", "units": "reflectance", "chips": 9, "score": 0.8, "interval": (0.7, 0.9)}
    bundle(folder / "everywhere", BANDS)
    bundle(folder / "nearby", BANDS, evidence=proof(BANDS, left_out=near))
    bundle(
        folder / "older", BANDS, evidence={**old, "rival": "mndwi", "rival_score": 0.6, "gain": (0.1, 0.3)}
    )
    bundle(folder / "other", BANDS, task="segmentation")
    return folder


REASONS = {
    "everywhere": "",
    "nearby": "it has no scores on another region than it was trained on (simulated)",
    "older": "it has no scores on another sensor, region and event than it was trained on (old)",
    "other": "segmentation has no default network",
}


@pytest.mark.usefixtures("own")
def test_the_list_says_which_are_defaults_and_why_others_are_not(geoseg: Geoseg) -> None:
    text, _ = geoseg("models", "list")
    rows = {line.split()[0]: line.split()[-1] for line in text.split("\n\n")[0].splitlines()}
    found = {item["name"]: item for item in json.loads(geoseg("models", "list", "--json")[0])["models"]}
    for name, reason in REASONS.items():
        assert rows[name] == ("no" if reason else "yes"), name
        assert found[name]["not_default_because"] == reason
        assert (f"  {name}: {reason}" in text) == bool(reason)
    checks = {item["what"]: item for item in json.loads(geoseg("doctor", "--json")[0])["checks"]}
    assert (checks["nearby"]["state"], checks["nearby"]["remedy"]) == ("ok", REASONS["nearby"])
    assert checks["everywhere"]["found"] == "network, used by default"


def test_a_description_has_the_scores_of_all_rivals(geoseg: Geoseg, own: Path) -> None:
    text, _ = geoseg("models", "show", own / "nearby")
    assert f"no: {REASONS['nearby']}" in text
    assert "simulated: 12 scenes; left out: sensor other; event other" in text
    assert "MNDWI > Otsu 0.500; gain +0.100 to +0.300" in text
    assert "not measured" not in text
