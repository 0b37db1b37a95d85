"""Quality layers beside files that are given one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.products.ground import write_raster


@pytest.mark.parametrize(
    ("form", "days", "bands", "mask", "codes"),
    [
        ("HLSS30.020_{}_doy{}_aid0001_32N.tif", ("2022152", "2022160"), ("B03", "B8A"), "Fmask", (66, 64)),
        (
            "MOD09A1.061_{}_doy{}000000_aid0001.tif",
            ("2022152", "2022160"),
            ("sur_refl_b04", "sur_refl_b02"),
            "sur_refl_state_500m",
            (1, 0),
        ),
        (
            "ga_s2am_{}_final_{}.tif",
            ("2022-06-01", "2022-06-09"),
            ("band03", "band08"),
            "fmask",
            (2, 1),
        ),
    ],
)
def test_a_layer_of_another_date_is_not_used(
    tmp_path: Path,
    form: str,
    days: tuple[str, str],
    bands: tuple[str, str],
    mask: str,
    codes: tuple[int, int],
) -> None:
    def path(label: str, day: str) -> Path:
        if form.startswith("ga_"):
            product = "oa" if label == mask else "nbart"
            return tmp_path / form.format(f"{product}_3-2-1_55HFA_{day}", label)
        return tmp_path / form.format(label, day)

    for day, code in zip(days, codes, strict=True):
        write_raster(path(mask, day), np.full((48, 48), code, np.uint16), pixel=30)
        for label in bands:
            write_raster(path(label, day), np.full((48, 48), 900, np.int16), pixel=30, nodata=-9999)
    for day, share in zip(days, (0, 1), strict=True):
        given = tuple(str(path(label, day)) for label in bands)
        with open_scene(SceneSpec(paths=given), sensors()) as opened:
            assert len(opened.quality.layers) == 1
            assert opened.read(opened.grid.window, ["green"]).valid.mean() == share
