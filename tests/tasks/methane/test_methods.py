"""The methods that retrieve methane columns: what holds for each, and how one is added."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import pytest

import geoseg.tasks.methane.methods as package
from docs.method_tables import TABLES
from geoseg.errors import SceneError, UsageError
from geoseg.learn.evaluate.methane.trial import Trial
from geoseg.methods.registry import names_of
from geoseg.run_record import RunRecord
from geoseg.spec import PlumeSpec
from geoseg.tasks.methane.choose import (
    check_method,
    choose_spectrometer_method,
    choose_two_band_method,
    two_band_methods,
)
from geoseg.tasks.methane.method import TwoBands
from geoseg.tasks.methane.methods import methane_methods
from geoseg.tasks.methane.plume_map import map_plumes
from tests.plumes import darken, ground, plume, write

ADDED = '''
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.tasks.methane.method import Image, RetrievalNeeds, TwoBandMethod, TwoBands
from geoseg.methods.methane_column import ratio_change


class MedianRatio(TwoBandMethod):
    """swir22 with swir16 of the same moment, by medians."""

    name = "median-ratio"
    title = "ratio of medians"
    citation = "Nobody 2000"
    needs = RetrievalNeeds(kind="multispectral")

    def slope(self, day: TwoBands, references: Sequence[TwoBands]) -> float:
        return float(np.nanmedian(day.weak) / np.nanmedian(day.strong))

    def change(
        self, day: TwoBands, references: Sequence[TwoBands], reference_change: Image | None, c: float
    ) -> NDArray[np.float64]:
        return ratio_change(day.strong, day.weak, c)
'''


def day(seed: int) -> TwoBands:
    """Both bands of bright ground, one pixel not observed."""
    rng = np.random.default_rng(seed)
    strong = (0.4 + 0.05 * np.random.default_rng(0).random((40, 40))) * rng.normal(1, 0.003, (40, 40))
    strong[0, 0] = np.nan
    return TwoBands(strong=strong.astype(np.float32), weak=(1.1 * strong).astype(np.float32))


@pytest.mark.parametrize("name", two_band_methods())
def test_a_plume_is_a_negative_change_and_other_ground_none(name: str) -> None:
    method, clean, reference = two_band_methods()[name], day(1), day(2)
    strong = clean.strong.copy()
    strong[20, 20] *= 0.9
    seen = TwoBands(strong=strong, weak=clean.weak)
    c = method.slope(seen, [reference])
    change = method.change(seen, [reference], np.zeros((40, 40), np.float32), c)
    assert change[20, 20] == pytest.approx(-0.1, abs=0.02)
    assert np.isnan(change[0, 0])
    change[20, 20] = np.nan
    assert np.abs(change[np.isfinite(change)]).max() < 0.03


def test_auto_takes_the_best_that_the_references_allow() -> None:
    assert choose_two_band_method("auto", references=True).name == "mbmp"
    assert choose_two_band_method("auto", references=False).name == "mbsp"
    assert choose_spectrometer_method("auto", "cube").name == "mag1c"


def test_a_method_for_other_scenes_is_refused() -> None:
    with pytest.raises(
        UsageError, match="needs a scene of an imaging spectrometer; for multispectral scenes use one of"
    ):
        choose_two_band_method("mag1c", references=True)
    with pytest.raises(UsageError, match="`--method sbmp` compares two dates"):
        choose_two_band_method("sbmp", references=False)
    with pytest.raises(SceneError, match="use mag1c or matched-filter"):
        choose_spectrometer_method("mbsp", "cube")
    with pytest.raises(UsageError, match="choose one of auto, mbmp, mbsp, sbmp, mag1c, matched-filter"):
        check_method("magic")


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a method whose file was put beside the others."""
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "median_ratio.py").write_text(ADDED)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    methane_methods.cache_clear()
    yield "median-ratio"
    sys.modules.pop("geoseg.tasks.methane.methods.median_ratio", None)
    monkeypatch.undo()
    methane_methods.cache_clear()


def test_a_method_is_added_by_its_file(added: str, tmp_path: Path) -> None:
    air_mass = 1 / np.cos(np.radians(30)) + 1
    scene = write(tmp_path / "scene", darken(ground(seed=2, noise=0.001), plume(), air_mass))
    request = {
        "scene": {"paths": (scene,)},
        "run": {"output": tmp_path / "map.gpkg"},
        "method": added,
        "sun_zenith": 30,
        "view_zenith": 0,
    }
    record = map_plumes(PlumeSpec.model_validate(request))
    assert isinstance(record, RunRecord)
    assert str(record.tables["retrieval"][0]["method"]).startswith("MEDIAN-RATIO (ratio of medians)")
    assert len(geopandas.read_file(tmp_path / "map.gpkg", layer="plume"))


def test_an_added_method_is_named_everywhere(added: str) -> None:
    assert added in names_of(package)
    assert Trial(methods=(added,)).methods == (added,)
    (table,) = (item for item in TABLES if item.page == "methane.md")
    assert f"| `{added}` | multispectral | swir22 with swir16" in table.text()
    with pytest.raises(UsageError, match=added):
        check_method("magic")
