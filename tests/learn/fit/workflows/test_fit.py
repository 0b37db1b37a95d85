"""From labels and scenes to a bundle that maps: what is fitted, what is refused, what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio

pytest.importorskip("onnx")
pytest.importorskip("threadpoolctl")
from geoseg.bundles.find import check_bundle, find_model
from geoseg.errors import GeosegError, ModelError, OutputError, SceneError, UsageError
from geoseg.learn.fit.fit_run import fit_network
from geoseg.learn.fit.report import FitReport
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec, SegmentSpec
from geoseg.spec.fit import FitSpec
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.learn.fit.made_ground import (
    BANDS,
    EAST,
    PIXEL,
    SENSOR,
    SIDE,
    cover,
    feature,
    points,
    position,
    write_labels,
    write_scene,
)
from tests.messages import Messages, progress


def fit(folder: Path, scenes: list[Path], **options: Any) -> FitReport:
    """Fit with labels.geojson of a folder."""
    scene = SceneSpec(paths=tuple(map(str, scenes)), sensor=options.pop("sensor", SENSOR))
    spec = FitSpec(
        labels=options.pop("labels", folder / "labels.geojson"),
        scene=scene,
        output=folder / "cover",
        overwrite=True,
        **{"place_size": 100.0, **options},
    )
    return fit_network(spec, progress)


def segmented(folder: Path, scene: Path, **options: Any) -> np.ndarray:
    """Map a scene with the bundle `cover`."""
    run = RunSpec(output=folder / "map.gpkg", raster=folder / "map.tif", overwrite=True, **options)
    map_segments(
        SegmentSpec(scene=SceneSpec(paths=(str(scene),), sensor=SENSOR), run=run, model=str(folder / "cover"))
    )
    with rasterio.open(folder / "map.tif") as file:
        classes: np.ndarray = file.read(1)
    return classes


def right(folder: Path, classes: np.ndarray) -> float:
    """The share of pixels that have their class."""
    values = {item.label: item.value for item in find_model(str(folder / "cover")).classes}
    expected = np.vectorize(values.get)(cover())
    return float((classes == expected).mean())


@pytest.mark.parametrize("head", ["logistic", "knn", "mlp"])
def test_points_become_a_bundle_that_maps(head: str, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif")
    write_labels(tmp_path / "labels.geojson", points())
    report = fit(tmp_path, [scene], head=head)
    assert [item.labels for item in report.classes] == [6, 6, 6]
    assert {item.name for item in report.sets} == {"bands", "indices", "bands+indices"}
    used = next(item for item in report.sets if item.used)
    assert used.score > 0.9
    assert right(tmp_path, segmented(tmp_path, scene)) > 0.97
    assert {finding.level for finding in check_bundle(tmp_path / "cover")} <= {"note", "warning"}
    model = find_model(str(tmp_path / "cover"))
    assert model.atmosphere == "surface"
    assert model.resolution == pytest.approx(10, abs=0.1)
    assert model.training_scenes is not None
    assert model.training_scenes.sensors == (SENSOR,)
    assert model.evidence is not None
    assert model.evidence.sets[0].score == pytest.approx(used.score, abs=1e-3)
    card = (tmp_path / "cover" / "README.md").read_text()
    assert used.name in card
    assert "labels.geojson" in card


def test_the_bundle_reads_the_bands_of_its_features_only(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.geojson", points())
    fit(tmp_path, [write_scene(tmp_path / "scene.tif")], features="indices")
    model = find_model(str(tmp_path / "cover"))
    assert {band.name for band in model.bands} == {"green", "red", "nir", "swir16", "swir22"}
    other = write_scene(tmp_path / "other.tif", bands=("swir22", "swir16", "nir", "red", "green"))
    assert right(tmp_path, segmented(tmp_path, other)) > 0.9


def test_the_bundle_maps_change(tmp_path: Path) -> None:
    before = write_scene(tmp_path / "before.tif")
    write_labels(tmp_path / "labels.geojson", points())
    fit(tmp_path, [before])
    with rasterio.open(before) as file:
        values, profile = file.read(), file.profile
    values[:, 150:180, 60:100] = values[:, 80:110, 30:70]
    after = tmp_path / "after.tif"
    with rasterio.open(after, "w", **profile) as file:
        file.write(values)
        file.descriptions = BANDS
    request = ChangeSpec(
        before=SceneSpec(paths=(str(before),), sensor=SENSOR),
        after=SceneSpec(paths=(str(after),), sensor=SENSOR),
        run=RunSpec(output=tmp_path / "change.gpkg", min_area=2000),
        model=str(tmp_path / "cover"),
    )
    map_change(request)
    found = geopandas.read_file(tmp_path / "change.gpkg", layer="change")
    assert found.area.sum() == pytest.approx(30 * 40 * PIXEL**2, rel=0.1)


def test_scenes_of_other_places_and_crs_are_fitted_together(tmp_path: Path, messages: Messages) -> None:
    far = EAST + 100_000
    scenes = [
        write_scene(tmp_path / "one.tif"),
        write_scene(tmp_path / "two.tif", east=far, seed=5),
        write_scene(tmp_path / "three.tif", east=EAST - 200_000),
    ]
    write_labels(tmp_path / "labels.geojson", points(3) + points(3, east=far))
    report = fit(tmp_path, scenes)
    assert report.scenes == ("one", "two")
    assert [item.labels for item in report.classes] == [6, 6, 6]
    assert any("three: holds no label" in note for note in messages.notes)


def test_bands_that_not_all_scenes_have_are_not_used(tmp_path: Path, messages: Messages) -> None:
    far = EAST + 100_000
    scenes = [
        write_scene(tmp_path / "one.tif"),
        write_scene(tmp_path / "two.tif", east=far, bands=("green", "nir", "swir16")),
    ]
    write_labels(tmp_path / "labels.geojson", points(3) + points(3, east=far))
    assert fit(tmp_path, scenes).bands == ("green", "nir", "swir16")
    assert any("not all scenes have are not used: blue, red, swir22" in note for note in messages.notes)


def box(row: int, col: int, name: str) -> dict[str, Any]:
    """A label of 12 x 12 pixels."""
    corners = [(row, col), (row, col + 12), (row + 12, col + 12), (row + 12, col), (row, col)]
    ring = [position(r, c) for r, c in corners]
    return feature({"type": "Polygon", "coordinates": [ring]}, **{"class": name})


def test_polygons_are_labels_too(tmp_path: Path) -> None:
    boxes = [(80, 30, "water"), (110, 60, "water"), (20, 140, "forest"), (150, 150, "forest")]
    boxes += [(10, 20, "open"), (160, 100, "open"), (-6, 60, "open")]  # the last one leaves the scene
    write_labels(tmp_path / "labels.geojson", [box(*item) for item in boxes])
    scene = write_scene(tmp_path / "scene.tif")
    report = fit(tmp_path, [scene])
    assert [(item.label, item.labels, item.pixels) for item in report.classes] == [
        ("forest", 2, 100), ("open", 3, 150), ("water", 2, 100),
    ]  # fmt: skip
    assert right(tmp_path, segmented(tmp_path, scene)) > 0.97


def test_pixels_that_are_masked_are_not_trained_on(tmp_path: Path, messages: Messages) -> None:
    scene = write_scene(tmp_path / "scene.tif", nodata_rows=60)
    labels = points(8)
    write_labels(tmp_path / "labels.geojson", labels)
    report = fit(tmp_path, [scene])
    rows = [item["properties"]["row"] for item in labels]
    hidden = sum(row < 60 for row in rows)
    assert hidden
    assert sum(item.labels for item in report.classes) == len(labels) - hidden
    assert messages.codes == ["labels-left-out"]
    assert report.warnings[0].code == "labels-left-out"
    assert f"{hidden} on pixels that were not observed" in report.warnings[0].text


def test_pixels_of_two_classes_are_not_trained_on(tmp_path: Path, messages: Messages) -> None:
    labels = points()
    wrong = json.loads(json.dumps(labels[0]))
    wrong["properties"]["class"] = "forest"
    write_labels(tmp_path / "labels.geojson", [*labels, labels[1], wrong])
    report = fit(tmp_path, [write_scene(tmp_path / "scene.tif")])
    assert sum(item.pixels for item in report.classes) == 18
    assert any("1 pixel with labels of two classes" in text for text in messages.warnings)


def test_numbers_are_the_values_of_the_map(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.geojson", points(column="code", water=80, forest=10, open=60))
    scene = write_scene(tmp_path / "scene.tif")
    fit(tmp_path, [scene], class_column="code")
    assert np.unique(segmented(tmp_path, scene, min_area=500)).tolist() == [10, 60, 80]


def near(name: str) -> list[dict[str, Any]]:
    """Labels of a class within 30 m."""
    return [
        feature({"type": "Point", "coordinates": position(96, 48 + step)}, **{"class": name})
        for step in range(3)
    ]


@pytest.mark.parametrize(
    ("labels", "options", "error", "text"),
    [
        (lambda: points(water="open", forest="open"), {}, SceneError, "all labels have the class open"),
        (lambda: points(east=EAST + 50_000), {}, SceneError, "no label lies in a scene"),
        (
            lambda: near("water") + points(2, water="open"),
            {},
            SceneError,
            r"fewer than two places of water \(1\)",
        ),
        (lambda: points(column="ground"), {"class_column": "soil"}, SceneError, "column 'soil' is missing"),
        (
            lambda: [
                box(80, 30, "water"),
                box(80, 30, "forest"),
                box(20, 140, "water"),
                box(20, 140, "forest"),
            ],
            {},
            SceneError,
            r"no label lies on an observed pixel \(4 on pixels that .* have two classes\)",
        ),
        (points, {"features": "texture"}, UsageError, "`--features texture`: there are bands, indices"),
        (points, {"features": "embedding"}, UsageError, "an embedding needs `--encoder`"),
        (points, {"encoder": "no-such"}, UsageError, "there is no encoder no-such"),
        (points, {"weights": "none"}, UsageError, "add `--encoder NAME`"),
    ],
    ids=[
        "one-class",
        "outside",
        "one-place",
        "no-column",
        "overlapping",
        "no-features",
        "no-encoder",
        "encoder",
        "weights",
    ],
)
def test_what_cannot_be_fitted_is_an_error_and_writes_nothing(
    labels: Callable[[], list[dict[str, Any]]],
    options: dict[str, Any],
    error: type[GeosegError],
    text: str,
    tmp_path: Path,
) -> None:
    write_labels(tmp_path / "labels.geojson", labels())
    scene = write_scene(tmp_path / "scene.tif")
    with pytest.raises(error, match=text):
        fit(tmp_path, [scene], **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.geojson", "scene.tif"]


def test_scenes_without_a_band_in_common_are_an_error(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.geojson", points())
    scenes = [write_scene(tmp_path / f"{band}.tif", bands=(band,)) for band in ("green", "nir")]
    with pytest.raises(SceneError, match=r"no band in common .* each argument is a scene of its own"):
        fit(tmp_path, scenes)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_scene_without_crs_takes_labels_in_pixels(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", crs=None)
    rows = ["x,y,class"]
    ground = cover()
    for row, col in np.random.default_rng(0).integers(0, SIDE, (60, 2)).tolist():
        rows.append(f"{col + 0.5},{row + 0.5},{ground[row, col]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    report = fit(tmp_path, [scene], labels=tmp_path / "labels.csv", place_size=None)
    assert sum(item.pixels for item in report.classes) == 60
    assert right(tmp_path, segmented(tmp_path, scene)) > 0.97


def test_the_next_points_can_be_filled_in_and_used(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", noise=0.05)
    write_labels(tmp_path / "labels.geojson", points(3))
    report = fit(tmp_path, [scene], suggest=9)
    following, picture = tmp_path / "cover-next.gpkg", tmp_path / "cover-unsure.png"
    assert report.outputs == (str(tmp_path / "cover"), str(following), str(picture))
    assert picture.stat().st_size > 1000
    found = geopandas.read_file(following)
    assert len(found) == 9
    assert found["class"].isna().all()
    assert found.crs.to_epsg() == 32633
    assert found["doubt"].is_monotonic_decreasing
    assert set(found["guess"]) <= {"water", "forest", "open"}
    cols = ((found.geometry.x - EAST) // PIXEL).astype(int)
    rows = ((4_600_000 - found.geometry.y) // PIXEL).astype(int)
    found["class"] = cover()[rows, cols]
    found.iloc[:6].to_file(tmp_path / "more.gpkg")
    again = fit(tmp_path, [scene], more_labels=(tmp_path / "more.gpkg",))
    assert sum(item.labels for item in again.classes) == 15


def test_an_existing_bundle_is_kept(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.geojson", points())
    (tmp_path / "cover").mkdir()
    spec = FitSpec(
        labels=tmp_path / "labels.geojson",
        scene=SceneSpec(paths=(str(tmp_path / "scene.tif"),)),
        output=tmp_path / "cover",
    )
    with pytest.raises(OutputError, match="use `--overwrite`"):
        fit_network(spec)
    with pytest.raises(UsageError, match="is the name of the model"):
        fit_network(spec.model_copy(update={"output": tmp_path / "1"}))


def write_tessera(path: Path, version: str) -> Path:
    """Two axes of 128 tell the classes apart."""
    ground, rng = cover(), np.random.default_rng(2)
    values = rng.normal(0, 0.1, (128, SIDE, SIDE)).astype(np.float32)
    values[0] += ground == "water"
    values[1] += ground == "forest"
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=128, dtype="float32", nodata=np.nan,
        crs="EPSG:32633", transform=rasterio.Affine(PIXEL, 0, EAST, 0, -PIXEL, 4_600_000),
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions = tuple(f"Tessera_Band_{axis}" for axis in range(128))
        file.update_tags(**({"TESSERA_DATASET_VERSION": version} if version else {}))
    return path


def test_a_network_of_embeddings_maps_those_of_its_model_alone(tmp_path: Path) -> None:
    first, other = (write_tessera(tmp_path / f"{name}.tif", name) for name in ("v1", "v2"))
    write_labels(tmp_path / "labels.geojson", points(12))
    with pytest.raises(SceneError, match=r"tessera_dataset_version of v1 is v1, and of v2 v2"):
        fit(tmp_path, [first, other], sensor=None)
    fit(tmp_path, [first], sensor=None)
    model = find_model(str(tmp_path / "cover"))
    assert model.features_of == {"tessera_dataset_version": "v1", "tessera_dataset_variant": ""}
    request = SegmentSpec(
        scene=SceneSpec(paths=(str(first),)),
        run=RunSpec(output=tmp_path / "map.gpkg"),
        model=str(tmp_path / "cover"),
    )
    map_segments(request)
    for name in ("v2", "unstated"):
        scene = write_tessera(tmp_path / f"{name}.tif", name if name == "v2" else "")
        run = RunSpec(output=tmp_path / f"{name}.gpkg")
        wrong = request.model_copy(update={"scene": SceneSpec(paths=(str(scene),)), "run": run})
        with pytest.raises(
            SceneError, match=r"tessera_dataset_version of cover is v1.*fit to labels on this one"
        ):
            map_segments(wrong)
        assert not run.output.exists()


def test_an_encoder_of_another_unit_is_refused_before_it_is_exported(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "aerial.tif", bands=("red", "green", "blue", "nir"), dtype="uint8")
    write_labels(tmp_path / "labels.geojson", points())
    with pytest.raises(ModelError, match="reads reflectance, and aerial has dn of naip: fit without"):
        fit(tmp_path, [scene], sensor="naip", encoder="galileo-nano", weights="none")


@pytest.mark.parametrize("weights", [pytest.param("none", marks=pytest.mark.slow), "published"])
def test_an_embedding_is_scored_and_its_graph_maps_as_its_head(
    weights: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    if weights == "published":
        weights = str(request.getfixturevalue("weights_dir") / "galileo-nano" / "encoder.pt")
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "cache"))
    scene = write_scene(tmp_path / "scene.tif")
    write_labels(tmp_path / "labels.geojson", points())
    report = fit(tmp_path, [scene], encoder="galileo-nano", weights=weights, features="bands+embedding")
    assert len(report.sets) == 7
    assert "embedding" in report.verdict
    model = find_model(str(tmp_path / "cover"))
    assert model.metadata == ("month",)
    assert model.fixed_tile
    assert bool(model.encoder) == (weights != "none")
    classes = segmented(tmp_path, scene, runtime="onnxruntime", device="cpu")
    assert right(tmp_path, classes) > 0.9
    document = json.loads((tmp_path / "cover" / "model.json").read_text())
    assert document["properties"]["mlm:architecture"] == "logistic on bands+embedding"
