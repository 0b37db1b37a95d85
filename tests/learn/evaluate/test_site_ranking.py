"""Average precision of sites, by classifiers whose scores are known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import ModelError, SceneError, UsageError
from geoseg.learn.evaluate.site_ranking import Ranking, rank, sites_of
from geoseg.learn.evaluate.sites_report import report_of
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.methods.ranking import average_precision
from geoseg.outputs.report import to_text, write
from geoseg.spec.documents import parse_document
from tests.classifiers import COLOURS, LABELS, NAIP, SENTINEL_2, mean_classifier, write_scene
from tests.messages import Messages, progress

VALUES = (500, 4000, 1500, 3500, 2500, 3000)
"""Reflectance x 10000 of each site."""
LANDFILLS = (0, 1, 1, 1, 0, 0)
MINES = (1, 0, 0, 0, 0, 0)

CONFIG = """
name: mean-sites
task: scene-classification
data: {{root: {root}, table: sites.csv}}
sensors:
  - name: sentinel-2
    files: "{{id}}.tif"
    sensor: sentinel-2-l2a-harmonised
    units: reflectance
    resolution: 10
    bands: [{{name: green}}]
  - name: naip
    files: "naip/{{id}}.tif"
    sensor: naip
    units: dn
    resolution: 1
    bands: [{{name: red}}, {{name: nir}}]
classes:
  - {{value: 1, label: landfills, colour: "{green}"}}
  - {{value: 2, label: coal mines, colour: "{blue}"}}
published: {{what: other sites, citation: Nobody 2020, average_precision: {{coal mines: 0.9}}}}
"""


@pytest.fixture
def spec(tmp_path: Path) -> SceneTrainSpec:
    root = tmp_path / "set"
    (root / "naip").mkdir(parents=True)
    rows = ["id,split,landfills,coal mines"]
    for index, value in enumerate(VALUES):
        write_scene(root / f"s{index}.tif", np.full((1, 72, 72), value, np.uint16), ["green"])
        part = "test" if index < 4 else "val"
        rows.append(f"s{index},{part},{LANDFILLS[index]},{MINES[index]}")
    fine = np.full((2, 720, 720), 51, np.uint8)
    write_scene(root / "naip" / "s0.tif", fine, ["red", "nir"], pixel=1, scale=1)
    (root / "sites.csv").write_text("\n".join(rows) + "\n")
    text = CONFIG.format(root=root, green=COLOURS[2], blue=COLOURS[1])
    return parse_document("sites.yaml", text, SceneTrainSpec, {})


def ranked(spec: SceneTrainSpec, model: Path, on: str = "all") -> Ranking:
    return rank(str(model), spec, sites_of(spec, on), progress)


def test_scores_go_to_the_classes_of_their_name(spec: SceneTrainSpec, tmp_path: Path) -> None:
    """The model lists six classes in another order than the config's two."""
    gains = [0.0, -1.0, 1.0, 0.0, 0.0, 0.0]
    mean_classifier(tmp_path / "mean", gains=gains, biases=[0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    found = ranked(spec, tmp_path / "mean")
    means = np.array(VALUES) / 1e4
    np.testing.assert_allclose(found.scores, np.stack([means, 1 - means], 1), atol=1e-5)
    assert found.reference.T.astype(int).tolist() == [list(LANDFILLS), list(MINES)]
    assert found.positives == (3, 1)
    # Landfills stand at ranks 1, 2 and 5 of the bright ones; the mine is the darkest.
    np.testing.assert_allclose(found.average_precision, [(1 + 1 + 3 / 5) / 3, 1])
    assert found.macro == pytest.approx((13 / 15 + 1) / 2)
    expected = average_precision(np.array(LANDFILLS, bool), means)
    assert found.average_precision[0] == pytest.approx(expected)


def test_what_is_reported(spec: SceneTrainSpec, tmp_path: Path) -> None:
    mean_classifier(tmp_path / "mean")
    found = [ranked(spec, tmp_path / "mean", "test")]
    report = report_of(found, sites_of(spec, "test"), spec, "the test part")
    said = report.data
    assert said["published"] == {
        "not_ours": "published by others, on other sites",
        "citation": "Nobody 2020",
        "average_precision": {"coal mines": 0.9},
    }
    text = to_text(report)
    row = next(line for line in text.splitlines() if "coal mines" in line)
    assert row.split()[2] == "1"
    assert row.endswith("0.900")
    assert "published*" in text
    assert "* published by others for other sites (Nobody 2020)" in text
    paths = write(report, tmp_path / "report")
    assert [path.name for path in paths] == ["report.html", "scores.json", "sites.csv"]
    assert json.loads(paths[1].read_text()) == said
    rows = list(csv.DictReader(paths[2].read_text().splitlines()))
    assert [(row["id"], row["split"], row["landfills"]) for row in rows] == [
        ("s0", "test", "0"), ("s1", "test", "1"), ("s2", "test", "1"), ("s3", "test", "1"),
    ]  # fmt: skip
    assert float(rows[1]["score: landfills"]) == pytest.approx(0.4, abs=1e-5)
    page = paths[0].read_text()
    assert "published by others" in page
    assert page.count("data:image/svg+xml;base64,") == 2


def test_a_class_without_positives_has_no_number(spec: SceneTrainSpec, tmp_path: Path) -> None:
    mean_classifier(tmp_path / "mean")
    found = [ranked(spec, tmp_path / "mean", "val")]
    report = report_of(found, sites_of(spec, "val"), spec, "the val part")
    classes = report.data["results"]
    assert isinstance(classes, list)
    assert json.dumps(classes).count('"average_precision": null') == 2
    assert "none" in to_text(report)


def test_sensors_that_a_site_lacks_are_zeros(
    spec: SceneTrainSpec, tmp_path: Path, messages: Messages
) -> None:
    """Only the first site has NAIP: 51 of 255 is added to its mean."""
    mean_classifier(tmp_path / "two", (SENTINEL_2, NAIP))
    found = ranked(spec, tmp_path / "two")
    expected = np.array(VALUES) / 1e4 + np.array([0.2, 0, 0, 0, 0, 0])
    # A runtime's float32 mean of half a million equal values is right to four digits only.
    np.testing.assert_allclose(found.scores[:, 0], expected, atol=2e-4)
    radar = {**SENTINEL_2, "name": "sentinel-1", "units": "db"}
    mean_classifier(tmp_path / "radar", (SENTINEL_2, radar))
    messages.clear()
    ranked(spec, tmp_path / "radar")
    assert any("input sentinel-1 of radar is not a sensor of the config" in note for note in messages.notes)


def test_what_does_not_fit_is_refused(spec: SceneTrainSpec, tmp_path: Path) -> None:
    mean_classifier(tmp_path / "naip-only", (NAIP,))
    with pytest.raises(SceneError, match="site s1 has no image of a sensor of naip-only"):
        ranked(spec, tmp_path / "naip-only")
    mean_classifier(tmp_path / "radar", ({**SENTINEL_2, "name": "radar"},))
    with pytest.raises(ModelError, match="at least one must be the same"):
        ranked(spec, tmp_path / "radar")
    model = mean_classifier(tmp_path / "mean")
    fewer = [item for item in model.classes if item.label != "coal mines"]
    assert len(fewer) == len(LABELS) - 1
    mean_classifier(tmp_path / "fewer", gains=[1.0] * 5, biases=[0.0] * 5, classes=fewer)
    with pytest.raises(ModelError, match="has no class 'coal mines' of the config"):
        ranked(spec, tmp_path / "fewer")
    with pytest.raises(UsageError, match="no sites for `--on train`"):
        sites_of(spec, "train")
    with pytest.raises(ModelError, match="is a segmentation network"):
        ranked(spec, Path("flood-sar"))
