"""When `auto` takes a network, and what a network of two dates is given. Networks are one formula each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
from affine import Affine

from geoseg.bundles.find import write_bundle
from geoseg.errors import UsageError
from geoseg.methods.trivial_rules import water_rules
from geoseg.run_record import RunRecord
from geoseg.spec import (
    ClassSpec,
    Coverage,
    Evidence,
    FloodSpec,
    ModelBand,
    ModelSpec,
    RivalScore,
    RunSpec,
    SceneSpec,
    ScoredSet,
    SegmentSpec,
    Units,
)
from geoseg.tasks.flood.choice import HAND, PERMANENT, SLOPE
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.flood.flood_network import WaterWithLayers
from geoseg.tasks.flood.reference_layers import References
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import Messages, progress

onnx = pytest.importorskip("onnx")
SIDE = 96
CLASSES = (
    ClassSpec(value=0, label="background", colour="#f2efe9"),
    ClassSpec(value=1, label="water", colour="#2b8cff"),
)
ELSEWHERE = Coverage(sensors=("other",), regions=("other",), events=("other",))


def proof(
    bands: tuple[str, ...],
    *,
    units: Units = "reflectance",
    gain: tuple[float, float] = (0.1, 0.3),
    left_out: Coverage = ELSEWHERE,
) -> Evidence:
    """Evidence of scenes of other sensors, regions and events, beside all trivial rules and a method."""
    names = [*(rule.name for rule in water_rules(bands, db=units == "db")), "mndwi", "classical"]
    rivals = tuple(RivalScore(name=name, score=0.6 if name == "mndwi" else 0.5, gain=gain) for name in names)
    item = ScoredSet(
        name="simulated", units=units, left_out=left_out, folds=2, scenes=12, score=0.8, interval=(0.7, 0.9),
        rivals=rivals,
    )  # fmt: skip
    return Evidence(sets=(item,))


OPTICAL = ("green", "swir16")
OLD = {"data": "old", "units": "reflectance", "chips": 9, "score": 0.8, "interval": (0.7, 0.9)}


def bundle(
    folder: Path, bands: tuple[str, ...], mean: float = 0.1, *, planes: int = 1, **changes: Any
) -> Path:
    """A bundle whose score is 1 where the first band is above the last, else 0; of two planes the last."""
    helper, kinds = onnx.helper, onnx.TensorProto
    shape = ["batch", len(bands), "height", "width"]
    nodes = [
        helper.make_node("Gather", ["image", "first_band"], ["a"], axis=1),
        helper.make_node("Gather", ["image", "last_band"], ["b"], axis=1),
        helper.make_node("Greater", ["a", "b"], ["more"]),
        helper.make_node("Cast", ["more"], ["second"], to=kinds.FLOAT),
        helper.make_node("Not", ["more"], ["less"]),
        helper.make_node("Cast", ["less"], ["first"], to=kinds.FLOAT),
        helper.make_node("Concat", ["first", "second"][-planes:], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "more",
        [helper.make_tensor_value_info("image", kinds.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", kinds.FLOAT, ["batch", planes, "height", "width"])],
        [
            helper.make_tensor("first_band", kinds.INT64, [1], [0]),
            helper.make_tensor("last_band", kinds.INT64, [1], [len(bands) - 1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    folder.mkdir(parents=True)
    onnx.save(model, str(folder / "model.onnx"))
    facts: dict[str, Any] = {
        "name": folder.name,
        "task": "flood",
        "bands": tuple(ModelBand(name=band, mean=mean, std=0.1) for band in bands),
        "units": "reflectance",
        "tile": 64,
        "overlap": 32,
        "activation": "none",
        "classes": CLASSES,
        "weights": folder / "model.onnx",
        "evidence": proof(bands),
        **changes,
    }
    write_bundle(folder, ModelSpec.model_validate(facts))
    return folder


def raster(path: Path, planes: dict[str, np.ndarray]) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=len(planes), dtype="float32",
        crs="EPSG:32633", transform=Affine(10, 0, 5e5, 0, -10, 46e5),
    ) as file:  # fmt: skip
        file.write(np.stack(list(planes.values())).astype(np.float32))
        file.descriptions = tuple(planes)
    return path


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder of models, and none installed."""
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("geoseg.tasks.flood.choose_network.list_models", lambda: _own(tmp_path / "models"))
    return tmp_path / "models"


def _own(folder: Path) -> tuple[ModelSpec, ...]:
    from geoseg.bundles.find import find_model  # noqa: PLC0415

    return tuple(find_model(str(path)) for path in sorted(folder.iterdir()))


def scene(tmp_path: Path) -> Path:
    """Bright green is water to the network; to MNDWI half of that is."""
    rng = np.random.default_rng(0)
    lake = np.zeros((SIDE, SIDE), bool)
    lake[20:60, 20:60] = True
    green = np.where(lake, 0.12, 0.06) + rng.normal(0, 0.003, lake.shape)
    swir = np.where(lake, 0.03, 0.1) + rng.normal(0, 0.003, lake.shape)
    return raster(tmp_path / "scene.tif", {"green": green, "swir16": swir})


def run(tmp_path: Path, path: Path | tuple[Path, ...], **options: Any) -> tuple[RunRecord, np.ndarray]:
    out = RunSpec(
        output=tmp_path / "map.gpkg",
        raster=tmp_path / "map.tif",
        overwrite=True,
        min_area=0.0,
        tile=options.pop("tile", None),
    )
    paths = path if isinstance(path, tuple) else (path,)
    spec = FloodSpec(
        scene=SceneSpec(paths=tuple(map(str, paths)), sensor=options.pop("sensor", None)), run=out, **options
    )
    record = map_flood(spec, progress)
    assert isinstance(record, RunRecord)
    with rasterio.open(tmp_path / "map.tif") as file:
        return record, file.read(1)


def test_auto_takes_a_network_that_convinces(tmp_path: Path, zoo: Path, messages: Messages) -> None:
    bundle(zoo / "proven", ("green", "swir16"))
    record, mapped = run(tmp_path, scene(tmp_path), sensor="sentinel-2-l2a")
    assert record.model is not None
    assert record.model["name"] == "proven"
    assert any("the network proven: IoU 0.80 against 0.60 of mndwi" in note for note in messages.notes)
    assert (mapped == 1).sum() == 1600


def test_a_network_may_give_both_classes(tmp_path: Path, zoo: Path) -> None:
    """With and without a layer beside, its second plane is water."""
    model = bundle(zoo / "both", ("green", "swir16"), planes=2)
    known = raster(tmp_path / "known.tif", {"water": np.arange(SIDE * SIDE).reshape(SIDE, SIDE) < 40 * SIDE})
    for options, counts in (({}, [1600]), ({"permanent_water": known}, [800, 800])):
        _, mapped = run(tmp_path, scene(tmp_path), model=str(model), **options)
        assert np.unique(mapped[mapped > 0], return_counts=True)[1].tolist() == counts


@pytest.mark.parametrize(
    ("changes", "options", "reason"),
    [
        ({"evidence": proof(OPTICAL, gain=(-0.01, 0.2))}, {}, "with --model only: its gain over"),
        (
            {"evidence": proof(OPTICAL, left_out=ELSEWHERE.model_copy(update={"sensors": ()}))},
            {},
            "with --model only: it has no scores on another sensor than",
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


class Sure:
    """A network that gives one score everywhere."""

    planes, batch, description = 1, 1, "sure"

    def __init__(self, score: float) -> None:
        self.score = score

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return np.full((len(batch), 1, *batch.shape[2:]), self.score, np.float32)

    def close(self) -> None:
        """Nothing is held."""


def known(*names: str) -> References:
    return References(names=names, layers=())


LIMITS = FloodSpec(
    scene=SceneSpec(paths=("a.tif",)), run=RunSpec(output=Path("a.gpkg")), max_hand=15, max_slope=5
)


def test_each_layer_of_a_water_network() -> None:
    """At a limit ground may be wet, beyond it not; where a layer is not known it decides nothing."""
    tiles = np.ones((1, 4, 1, 7), np.float32)
    tiles[0, 1, 0] = [0, 1, 1, 1, np.nan, 1, 0]  # permanent water
    tiles[0, 2, 0] = [15, 15, 15.5, 0, np.nan, np.nan, 20]  # above drainage
    tiles[0, 3, 0] = [0, 5, 5, 6, np.nan, 0, 9]  # slope
    network = Sure(0.75)
    scores = WaterWithLayers(network, 1, known(PERMANENT, HAND, SLOPE), LIMITS)(tiles)[0, :, 0]
    np.testing.assert_array_equal(scores[1], [0.75, 0, 0, 0, 0.75, 0, 0])
    np.testing.assert_array_equal(scores[2], [0, 0.75, 0, 0, 0, 0.75, 0])
    np.testing.assert_array_equal(scores[0], [0.25, 0.25, 1, 1, 0.25, 0.25, 1])
    (water,) = WaterWithLayers(network, 1, known(HAND, SLOPE), LIMITS)(tiles[:, [0, 2, 3]])[0, :, 0]
    np.testing.assert_array_equal(water, [0.75, 0.75, 0, 0, 0.75, 0.75, 0])


def test_no_layer_hides_what_is_no_number() -> None:
    tiles = np.full((1, 2, 1, 1), 99, np.float32)
    assert np.isnan(WaterWithLayers(Sure(np.nan), 1, known(HAND), LIMITS)(tiles)).all()


def pair(tmp_path: Path, band: str) -> tuple[Path, Path]:
    rng = np.random.default_rng(1)
    before = rng.normal(-10, 1, (SIDE, SIDE))
    after = before - 1.5
    after[30:50, 30:70] -= 9
    return (
        raster(tmp_path / "after.tif", {band: after}),
        raster(tmp_path / "before.tif", {band: before}),
    )


def two_dates(zoo: Path, statistics: str = "scene") -> Path:
    """Flood is where the scene before, less its own level, is above the scene, less its own."""
    bands = ("before:vv", "vv")
    return bundle(zoo / "pair", bands, units="db", statistics=statistics, evidence=proof(bands, units="db"))


@pytest.mark.parametrize("band", ["vv", "vh"])
def test_two_dates_of_any_one_polarisation(tmp_path: Path, zoo: Path, band: str) -> None:
    after, before = pair(tmp_path, band)
    options = {"before": (SceneSpec(paths=(str(before),)),), "model": str(two_dates(zoo))}
    record, mapped = run(tmp_path, after, **options)
    assert (mapped == 1)[30:50, 30:70].all()
    assert record.classes[0].label == "flood"
    assert len(record.inputs) == 2


@pytest.mark.parametrize("statistics", ["scene", "scene-quantiles"])
def test_a_gain_and_an_offset_of_one_date_change_nothing(tmp_path: Path, zoo: Path, statistics: str) -> None:
    """The whole scene's level and spread take them away; so 8-bit stretches of it give the same map."""
    after, before = pair(tmp_path, "vv")
    options = {"before": (SceneSpec(paths=(str(before),)),), "model": str(two_dates(zoo, statistics))}
    _, first = run(tmp_path, after, **options)
    with rasterio.open(after, "r+") as file:
        file.write(file.read() * 1.7 - 4)
    _, second = run(tmp_path, after, **options)
    np.testing.assert_array_equal(first, second)


def test_auto_takes_the_network_of_two_dates_for_a_pair(tmp_path: Path, zoo: Path) -> None:
    after, before = pair(tmp_path, "vv")
    two_dates(zoo)
    record, _ = run(tmp_path, after, before=(SceneSpec(paths=(str(before),)),))
    assert record.model is not None
    record, _ = run(tmp_path, after)
    assert record.model is None


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_nameless_pictures_are_what_the_network_takes(tmp_path: Path, zoo: Path, messages: Messages) -> None:
    rng = np.random.default_rng(2)
    paths = []
    for name, low in (("after", 60), ("before", 140)):
        values = rng.normal(150, 5, (SIDE, SIDE))
        values[40:60, 40:60] = low
        with rasterio.open(
            tmp_path / f"{name}.png", "w", driver="PNG", width=SIDE, height=SIDE, count=1, dtype="uint8"
        ) as file:
            file.write(values.astype(np.uint8), 1)
        paths.append(tmp_path / f"{name}.png")
    before = (SceneSpec(paths=(str(paths[1]),)),)
    _, mapped = run(tmp_path, paths[0], before=before, model=str(two_dates(zoo)))
    assert (mapped == 1)[40:60, 40:60].all()
    assert any("its only band has no name, and is used as vv" in note for note in messages.notes)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_map_is_that_of_the_graph_on_the_normalised_scene(tmp_path: Path, zoo: Path) -> None:
    """A strip of fill at an edge is not in the percentiles of the scene, whatever the tiles."""
    rng = np.random.default_rng(5)
    dates = {name: rng.normal(level, 9, (SIDE, SIDE)) for name, level in (("after", 120), ("before", 160))}
    dates["after"][40:60, 40:60] -= 60
    stored = {name: values.clip(1, 254).astype(np.uint8) for name, values in dates.items()}
    stored["after"][:9] = 255
    normal = {}
    for name, values in stored.items():
        with rasterio.open(
            tmp_path / f"{name}.png", "w", driver="PNG", width=SIDE, height=SIDE, count=1, dtype="uint8"
        ) as file:
            file.write(values, 1)
        low, land, high = np.percentile(values[values < 255].astype(float), [1, 90, 99])
        normal[name] = (values - land) / ((high - low) / 4.5)
    before = (SceneSpec(paths=(str(tmp_path / "before.png"),)),)
    model = str(two_dates(zoo, "scene-quantiles"))
    expected = normal["before"] > normal["after"]
    for tile in (None, 64):
        _, mapped = run(tmp_path, tmp_path / "after.png", before=before, model=model, tile=tile)
        assert (mapped == 1).sum() > 400
        assert ((mapped == 1) != expected).mean() < 0.001


@pytest.mark.parametrize(
    ("bands", "befores", "message"),
    [(("before:vv", "vv"), 0, "give one --before"), (("vv", "vh"), 1, "maps one date")],
)
def test_the_number_of_dates_must_fit(
    tmp_path: Path, zoo: Path, bands: tuple[str, ...], befores: int, message: str
) -> None:
    after, before = pair(tmp_path, "vv")
    path = bundle(zoo / "net", bands, units="db")
    with pytest.raises(UsageError, match=message):
        run(tmp_path, after, model=str(path), before=(SceneSpec(paths=(str(before),)),) * befores)


def series(tmp_path: Path) -> tuple[Path, ...]:
    """Three dates, the latest first; backscatter falls in a part of the last."""
    rng = np.random.default_rng(3)
    dates = [rng.normal(-10, 0.1, (SIDE, SIDE)) + step for step in (0, 1, 2)]
    dates[2][30:50, 30:70] -= 9
    names = ("a_20240301T050000", "b_20240401T050000", "c_20240501T050000")
    made = [raster(tmp_path / f"{name}.tif", {"vv": date}) for name, date in zip(names, dates, strict=True)]
    return tuple(made[::-1])


SERIES: dict[str, Any] = {"task": "flood", "units": "db", "evidence": None}


@pytest.mark.parametrize("first", ["vv", "t1:vv"])
def test_a_network_of_three_dates_maps_them_in_the_order_of_time(
    tmp_path: Path, zoo: Path, first: str
) -> None:
    """As `geoseg segment` does; with a layer of permanent water, too."""
    model = str(bundle(zoo / "series", (first, "t2:vv", "t3:vv"), **SERIES))
    paths = series(tmp_path)
    record, mapped = run(tmp_path, paths, model=model)
    fallen = np.zeros((SIDE, SIDE), bool)
    fallen[30:50, 30:70] = True
    np.testing.assert_array_equal(mapped == 1, fallen)
    assert [item["name"] for item in record.inputs] == [path.stem for path in paths[::-1]]
    assert record.classes[0].label == "water"
    out = RunSpec(output=tmp_path / "s.gpkg", raster=tmp_path / "s.tif", min_area=0.0)
    map_segments(SegmentSpec(scene=SceneSpec(paths=tuple(map(str, paths))), run=out, model=model), progress)
    with rasterio.open(tmp_path / "s.tif") as file:
        np.testing.assert_array_equal(mapped == 1, file.read(1) == 1)
    known = raster(tmp_path / "known.tif", {"water": np.arange(SIDE * SIDE).reshape(SIDE, SIDE) < 40 * SIDE})
    _, split = run(tmp_path, paths, model=model, permanent_water=known)
    np.testing.assert_array_equal(split == 2, fallen & (np.arange(SIDE) < 40)[:, None])


@pytest.mark.parametrize(("label", "mapped"), [("water", "water"), ("flood", "flood"), ("Flood", "flood")])
def test_a_series_whose_class_is_flood_maps_flood(
    label: str, mapped: str, tmp_path: Path, zoo: Path, messages: Messages
) -> None:
    classes = (CLASSES[0], CLASSES[1].model_copy(update={"label": label}))
    model = str(bundle(zoo / "series", ("vv", "t2:vv", "t3:vv"), **SERIES, classes=classes))
    record, _ = run(tmp_path, series(tmp_path), model=model)
    assert [item.label for item in record.classes] == [mapped]
    assert ("flood-not-separated" in messages.codes) == (mapped == "water")


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (("c_20240501T050000", "a_20240301T050000", "b_20240401T050000"), []),
        (("x", "y", "z"), ["order-as-given"]),
        (("a_20240301T050000", "y", "b_20240401T050000"), ["order-as-given"]),
        (("c_20240501T050000", "y", "a_20240301T050000"), ["dates-out-of-order", "order-as-given"]),
    ],
)
@pytest.mark.parametrize("task", ["flood", "segment"])
def test_an_order_that_is_not_known_is_warned_of(
    task: str, names: tuple[str, ...], codes: list[str], tmp_path: Path, zoo: Path, messages: Messages
) -> None:
    model = str(bundle(zoo / "series", ("vv", "t2:vv", "t3:vv"), mean=-10, **SERIES))
    rng = np.random.default_rng(3)
    paths = [raster(tmp_path / f"{name}.tif", {"vv": rng.normal(-10, 0.1, (SIDE, SIDE))}) for name in names]
    scene, out = SceneSpec(paths=tuple(map(str, paths))), RunSpec(output=tmp_path / "map.gpkg")
    if task == "flood":
        map_flood(FloodSpec(scene=scene, run=out, model=model), progress)
    else:
        map_segments(SegmentSpec(scene=scene, run=out, model=model), progress)
    assert [code for code in messages.codes if code != "flood-not-separated"] == codes
    for text in messages.warnings[: len(codes)]:
        assert names[0] in text
        assert names[2] in text
    row = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="scene").iloc[0]
    first, last = (None if "_" not in name else name[2:10] for name in (names[0], names[2]))
    if not codes:
        first, last = "20240301", "20240501"
    found = [
        None if pd.isna(row[name]) else f"{row[name]:%Y%m%d}" for name in ("acquired_before", "acquired")
    ]
    assert found == [first, last]


@pytest.mark.parametrize(
    ("count", "before", "message"), [(2, False, "needs 3 scenes"), (1, True, "without --before")]
)
def test_a_series_takes_as_many_scenes_as_dates(
    tmp_path: Path, zoo: Path, count: int, before: bool, message: str
) -> None:
    model = str(bundle(zoo / "series", ("vv", "t2:vv", "t3:vv"), **SERIES))
    paths = series(tmp_path)
    earlier = (SceneSpec(paths=(str(paths[2]),)),) if before else ()
    with pytest.raises(UsageError, match=message):
        run(tmp_path, paths[:count], model=model, before=earlier)
