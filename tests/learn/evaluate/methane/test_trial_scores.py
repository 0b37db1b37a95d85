"""What runs say together, by runs that are written down here."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS

from geoseg.errors import UsageError
from geoseg.grid import Grid
from geoseg.learn.evaluate.methane import trial_report as report
from geoseg.learn.evaluate.methane import trial_scores as scores
from geoseg.learn.evaluate.methane.evaluation import Evaluation, evaluate
from geoseg.learn.evaluate.methane.plume_injection import Release
from geoseg.learn.evaluate.methane.trial import REAL, Trial
from geoseg.learn.evaluate.methane.trial_runs import Control, Hit, MappedPlumes, Run, Target
from geoseg.methods.plume_model import GaussianPlume
from tests.messages import progress

RUN = Run(
    scene="a",
    ground=REAL,
    method="mbmp",
    place=0,
    lon=0,
    lat=0,
    rate_t_h=0,
    wind_m_s=3,
    wind_from=90,
    stability="B",
    noise_ppm_m=1000,
    mass_kg=0,
    beyond_pixels=0,
    beyond_share=0,
    blind=Hit(),
    targeted=Hit(),
)
FOUND = Hit(found=1, rate_kg_h=1500, rate_low=900, rate_high=2500)
SUSPECT = replace(FOUND, found=2)


def runs(*, method: str = "mbmp", noise: float = 0.0) -> list[Run]:
    """Places 0 to 5 at 0, 2 and 10 t/h: found from place 3 on at 2 t/h, everywhere at 10 t/h."""
    made = []
    for place in range(6):
        base = replace(RUN, method=method, place=place, noise_ppm_m=noise + 600 - 100 * place)
        made += [
            base,
            replace(base, rate_t_h=2.0, blind=FOUND if place > 2 else SUSPECT, targeted=FOUND),
            replace(base, rate_t_h=10.0, blind=replace(FOUND, rate_kg_h=12_000), targeted=FOUND),
        ]
    return made


def test_rows() -> None:
    control, low, high = scores.rows(runs())
    assert [row.rate_t_h for row in (control, low, high)] == [0, 2, 10]
    assert (control.plume.found, control.plume.tried) == (0, 6)
    assert (low.plume.value, low.spot.value, low.targeted.value) == (0.5, 1, 1)
    # 1500 kg/h for 2 t/h, with an interval that holds it; 12 t/h for 10 t/h, with one that does not.
    assert low.errors.quartiles == (-0.25, -0.25, -0.25)
    assert (low.errors.covered.found, low.errors.covered.tried) == (3, 3)
    assert high.errors.quartiles[1] == pytest.approx(0.2)
    assert high.errors.covered.found == 0
    assert math.isnan(control.errors.quartiles[1])


def test_limits_lie_where_half_is_found() -> None:
    third = [replace(run, blind=SUSPECT) if run.place == 3 and run.rate_t_h == 2 else run for run in runs()]
    (limit,) = scores.limits(third)
    assert 2 < limit.blind[0] < 4
    assert limit.blind[0] < limit.blind[1] < 10
    assert limit.targeted == (0, 0)
    assert report.limits_table([limit]).rows[0][4:] == ("< 2", "< 2")
    lost = [replace(run, blind=Hit()) for run in runs()]
    assert report.limits_table(scores.limits(lost)).rows[0][2:4] == ("> 10", "> 10")


def test_noisy_ground_hides_plumes() -> None:
    low = [item for item in scores.thirds(runs()) if item.rate_t_h == 2]
    assert [(item.third, item.noise_ppm_m, item.plume.value) for item in low] == [
        ("quiet", 150, 1),
        ("middling", 350, 0.5),
        ("noisy", 550, 0),
    ]


def test_methods_are_compared_plume_by_plume() -> None:
    other = [replace(run, blind=Hit()) for run in runs(method="mbsp")]
    comparisons = scores.comparisons([*runs(), *other])
    assert [(item.rate_t_h, item.only_first, item.only_second, item.tried) for item in comparisons] == [
        (2, 3, 0, 6),
        (10, 6, 0, 6),
    ]
    assert {(item.targeted_only_first, item.targeted_only_second) for item in comparisons} == {(0, 0)}


def frame(boxes: list[tuple[float, float, float, float]], classes: list[int]) -> MappedPlumes:
    count = len(boxes)
    columns = {
        "class": np.array(classes, np.int64),
        "pixels": np.arange(1, count + 1),
        "saturated": np.zeros(count, np.int64),
        **{
            name: np.arange(1.0, count + 1)
            for name in ("rate_kg_h", "rate_low", "rate_high", "ime_kg", "length_m")
        },
    }
    return MappedPlumes(shapes=np.array([shapely.box(*box) for box in boxes], object), columns=columns)


def test_what_meets_a_plume() -> None:
    grid = Grid(
        crs=CRS.from_epsg(32631), transform=Affine(20, 0, 500_000, 0, -20, 3_540_000), height=100, width=100
    )
    lon, lat = grid.lonlat(np.array([50.5]), np.array([20.5]))
    plume = GaussianPlume(rate_kg_h=1000, wind_m_s=3, towards=90, age_s=400)
    target = Target.of(Release(lon=float(lon[0]), lat=float(lat[0]), plume=plume), grid)
    x, y = 500_000 + 20 * 20.5, 3_540_000 - 20 * 50.5
    downwind = x + 300, y - 30, x + 400, y + 30
    upwind_near, upwind_far = (x - 150, y - 20, x - 80, y + 20), (x - 300, y - 20, x - 200, y + 20)
    aside = x + 300, y + 250, x + 400, y + 300
    shapes = np.array([shapely.box(*box) for box in (downwind, upwind_near, upwind_far, aside)], object)
    assert target.matches(shapes).tolist() == [True, True, False, False]
    hit = target.hit(frame([downwind, upwind_near, upwind_far, aside], [2, 1, 1, 2]))
    # The plume before the suspect, and what meets nothing is false.
    assert (hit.found, hit.rate_kg_h, hit.polygons) == (1, 2, 2)
    assert (hit.plumes_elsewhere, hit.suspects_elsewhere) == (1, 1)
    assert target.hit(frame([], [])).found == 0


def evaluation() -> Evaluation:
    control = Control(
        scene="a",
        ground=REAL,
        method="mbmp",
        plumes=1,
        suspects=2,
        noise_ppm_m=900,
        threshold_ppm_m=20_000,
        end_ppm_m=13_000,
        polygons=frame([], []),
    )
    return Evaluation(trial=Trial(), runs=tuple(runs()), controls=(control,))


def test_what_is_written() -> None:
    made = report.report_of(evaluation())
    whole = made.data
    told = json.loads(json.dumps(whole, allow_nan=False))
    assert told == whole
    assert told["label"] == "simulated plumes in real pixels"
    assert told["rows"][1]["plume"] == {"found": 3, "tried": 6, "value": 0.5, "interval": [0.18762, 0.81238]}
    (false,) = told["false_plumes"]
    assert (false["plumes"], false["scenes"], false["unreachable"]) == (1, 1, ["a"])
    head, *lines = made.csv["runs.csv"].to_csv().splitlines()
    assert len(lines) == 18
    assert dict(zip(head.split(","), lines[1].split(","), strict=True))["targeted_rate_kg_h"] == "1500"


@pytest.mark.parametrize(
    "wrong",
    [
        {"rates_t_h": ()},
        {"rates_t_h": (0.0,)},
        {"winds_m_s": (0.0,)},
        {"methods": ("mag1c",)},
    ],
)
def test_trials_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Trial(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--ground"):
        evaluate((), (), Trial(), progress)
