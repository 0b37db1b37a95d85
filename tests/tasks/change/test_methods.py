"""The methods that compare two dates: what holds for each, and how one is added."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

import geoseg.tasks.change.methods as package
from docs.method_tables import TABLES
from geoseg.errors import BandError, SceneError, UsageError
from geoseg.grid import Window
from geoseg.learn.evaluate.subjects import method_subject
from geoseg.methods.registry import names_of
from geoseg.pixels import Pixels
from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec, Units
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.change.choose import Comparison, choose
from geoseg.tasks.change.fit import fit
from geoseg.tasks.change.method import ChangeMethod
from geoseg.tasks.change.methods import change_methods
from geoseg.tasks.change.session import ChangeSession

SIDE = 96
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
CHANGED = np.s_[30:60, 20:50]
METHODS = tuple(change_methods().values())

ADDED = '''
from dataclasses import dataclass

import numpy as np

from geoseg.tasks.change.method import ChangeMethod, Image, ChangeNeeds
from geoseg.methods.change_statistics import window_mean
from geoseg.spec import ClassSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanShift(ChangeMethod):
    """Difference of the mean of all bands."""

    name = "mean-shift"
    title = "shift of the mean"
    measured = "|difference of means|"
    citation = "Nobody 2000"
    needs = ChangeNeeds(kind="optical", units=frozenset({"reflectance"}), least_bands=3)
    smooth = 3
    directions = (
        ClassSpec(value=1, label="fell", colour="#d7301f"),
        ClassSpec(value=2, label="rose", colour="#31a354"),
    )

    def measure(self, before: Image, after: Image, radius: int) -> Image:
        return window_mean(np.abs(after.mean(axis=0) - before.mean(axis=0)), radius)

    def direction(self, before: Image, after: Image, radius: int) -> Image:
        return np.where(after.mean(axis=0) < before.mean(axis=0), np.float32(1), np.float32(2))
'''


def dates(bands: int, *, radar: bool = False) -> NDArray[np.float32]:
    """Both dates (2 B, H, W) of ground with texture, one place of which changed."""
    rng = np.random.default_rng(7)
    if radar:
        cube = np.asarray(-9 + 10 * np.log10(rng.gamma(5, 0.2, (2 * bands, SIDE, SIDE))), np.float32)
        cube[bands:, *CHANGED] -= 10
        return cube
    ground = 0.1 + 0.3 * rng.random((bands, SIDE, SIDE))
    after = ground + rng.normal(0, 0.004, ground.shape)
    after[:, *CHANGED] = np.linspace(0.5, 0.1, bands)[:, None, None]
    return np.concatenate([ground, after]).astype(np.float32)


def pixels(cube: NDArray[np.float32]) -> Pixels:
    """A cube as it is read from scenes."""
    count = len(cube)
    return Pixels(
        window=Window(row=0, col=0, height=cube.shape[1], width=cube.shape[2]),
        bands=tuple(str(i) for i in range(count)),
        data=cube,
        valid=np.ones(cube.shape[1:], np.bool_),
        scale=(1.0,) * count,
        offset=(0.0,) * count,
    )


def request_for(method: str, folder: Path | None = None, **options: object) -> ChangeSpec:
    """A request to compare `before.tif` with `after.tif` of a folder."""
    where = folder or Path()
    scenes = {
        name: SceneSpec(paths=(str(where / f"{name}.tif"),), sensor="sentinel-2-l2a-harmonised")
        for name in ("before", "after")
    }
    run = RunSpec(output=where / "map.gpkg", raster=where / "map.tif", overwrite=True)
    return ChangeSpec.model_validate({**scenes, "run": run, "method": method, **options})


def fitted(name: str) -> tuple[Comparison, NDArray[np.float32]]:
    """A method fitted to a pair, and the pair."""
    radar = change_methods()[name].needs.kind == "sar"
    shared, units = (("vv",), "db") if radar else (BANDS, "reflectance")
    of: set[Units] = {units}  # type: ignore[arg-type]
    spec = request_for(name)
    comparison = choose(spec, change_methods()[name].needs.kind, shared, of)
    cube = dates(len(comparison.bands), radar=radar)
    return fit(comparison, spec, [pixels(cube)], of), cube


@pytest.mark.parametrize("name", names_of(package))
def test_a_score_depends_on_the_pixels_within_the_margin_alone(name: str) -> None:
    comparison, cube = fitted(name)
    session, margin = ChangeSession(comparison), comparison.margin
    whole = session(cube[np.newaxis])[0]
    part = session(cube[np.newaxis, :, 13:77, 9:71])[0]
    inner = np.s_[:, margin : 64 - margin, margin : 62 - margin]
    np.testing.assert_array_equal(part[inner], whole[:, 13:77, 9:71][inner])


@pytest.mark.parametrize("name", names_of(package))
def test_the_changed_place_is_above_the_threshold(name: str) -> None:
    comparison, cube = fitted(name)
    planes = ChangeSession(comparison)(cube[np.newaxis])[0]
    found = planes[0] > 0.5
    assert found[CHANGED].mean() > 0.8
    assert found.mean() < 0.25
    values = {0, *(item.value for item in comparison.method.directions)}
    assert set(np.unique(planes[1]).astype(int).tolist()) <= values


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_what_is_not_observed_has_no_change(method: ChangeMethod) -> None:
    comparison, cube = fitted(method.name)
    cube[-1, 40, 40] = np.nan
    assert ChangeSession(comparison)(cube[np.newaxis])[0, 0, 40, 40] == 0


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_what_a_method_refers_to_exists(method: ChangeMethod) -> None:
    assert set(method.fallbacks) <= set(names_of(package))
    assert all(change_methods()[name].advantage for name in method.fallbacks[:1])
    assert [item.value for item in method.directions] == list(range(1, len(method.directions) + 1))
    low, high = method.threshold_limits(4, {"reflectance"})
    assert 0 <= low < high


@pytest.mark.parametrize("kind", ["optical", "sar"])
def test_one_method_of_a_kind_is_the_default(kind: str) -> None:
    ranks = [method.preference for method in METHODS if method.needs.kind == kind]
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize(
    ("name", "thresholding"),
    [("cva", "chi2"), ("ndvi", "chi2"), ("logratio", "chi2"), ("mean-ratio", "chi2")],
)
def test_a_threshold_that_a_method_has_not_is_refused(name: str, thresholding: str) -> None:
    radar = change_methods()[name].needs.kind == "sar"
    with pytest.raises(UsageError, match=f"can be used with mad, irmad, not with {name}"):
        choose(
            request_for(name, thresholding="chi2"),
            "sar" if radar else "optical",
            ("vv",) if radar else BANDS,
            {"db"} if radar else {"reflectance"},
        )


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a method whose file was put beside the others."""
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "mean_shift.py").write_text(ADDED)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    change_methods.cache_clear()
    yield "mean-shift"
    sys.modules.pop("geoseg.tasks.change.methods.mean_shift", None)
    monkeypatch.undo()
    change_methods.cache_clear()


def test_a_method_is_added_by_its_file(added: str, tmp_path: Path) -> None:
    cube = dates(len(BANDS))
    for name, values in (("before", cube[: len(BANDS)]), ("after", cube[len(BANDS) :])):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", width=SIDE, height=SIDE, count=len(BANDS),
            dtype="uint16", crs="EPSG:32633", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 4.6e6),
        ) as file:  # fmt: skip
            file.write(np.clip(values * 1e4, 1, 65_535).astype(np.uint16))
            file.descriptions = BANDS

    record = map_change(request_for(added, tmp_path))
    assert isinstance(record, RunRecord)
    assert record.runtime["method"] == added
    assert any("shift of the mean, Nobody 2000" in note for note in record.notes)
    with rasterio.open(tmp_path / "map.tif") as file:
        found = file.read(1) > 0
    assert found[CHANGED].mean() > 0.9
    assert found.mean() < 0.15
    assert any("fell" in item.label or "rose" in item.label for item in record.classes)


def test_an_added_method_is_named_everywhere(added: str) -> None:
    assert added in names_of(package)
    assert method_subject(f"{added} --threshold 0.1", "change").options["method"] == added
    (table,) = (item for item in TABLES if item.page == "change.md")
    assert f"| `{added}` | Difference of the mean of all bands |" in table.text()
    with pytest.raises(UsageError, match=added):
        map_change(request_for("magic"))


def test_what_an_added_method_needs_is_asked_for(added: str) -> None:
    spec = request_for(added)
    with pytest.raises(BandError, match="mean-shift compares 3 bands or more"):
        choose(spec, "optical", BANDS[:2], {"reflectance"})
    with pytest.raises(SceneError, match="mean-shift compares reflectance, and these bands are dn"):
        choose(spec, "optical", BANDS, {"dn"})
    with pytest.raises(SceneError, match="is for optical scenes"):
        choose(spec, "sar", ("vv",), {"db"})


def test_a_file_without_a_method_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nothing.py").write_text("name = 'nothing'\n")
    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    change_methods.cache_clear()
    with pytest.raises(ImportError, match="must define one subclass of ChangeMethod"):
        change_methods()
    monkeypatch.undo()
    change_methods.cache_clear()
    sys.modules.pop("geoseg.tasks.change.methods.nothing", None)
