"""`geoseg evaluate methane` from end to end, on a small simulated pair and on real pixels."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.learn.evaluate.methane.pairs import write_pair

Geoseg = Callable[..., tuple[str, str]]
INJECT = ("evaluate", "methane")


def test_large_plumes_are_found_and_small_ones_are_not(geoseg: Geoseg, tmp_path: Path) -> None:
    data = write_pair(tmp_path / "pairs")
    out, err = geoseg(
        *INJECT, "--data", data, "--satellite", "sentinel-2a", "--rates", "0.05,15", "--places", 2, "--from",
        270, "--age", 10, "-o", tmp_path / "report",
    )  # fmt: skip
    assert "simulated plumes in real pixels" in out
    assert "wrote" in err
    told = json.loads((tmp_path / "report" / "scores.json").read_text())
    found = {(row["method"], row["rate_t_h"]): row for row in told["rows"]}
    assert found["mbmp", 0.05]["plume"]["found"] == 0
    assert found["mbmp", 15]["plume"]["found"] == found["mbmp", 15]["targeted"]["found"] == 2
    assert -0.8 < found["mbmp", 15]["errors"]["quartiles"][1] < 1
    assert told["false_plumes"][0]["plumes"] == 0
    with (tmp_path / "report" / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    # Two places, two methods, two rates and the control.
    assert len(rows) == 12
    assert {row["wind_from"] for row in rows} == {"270"}
    masses = {row["rate_t_h"]: float(row["mass_kg"]) for row in rows if row["place"] == "0"}
    assert masses["15"] == pytest.approx(300 * masses["0.05"], rel=1e-3)
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") >= 3
    assert "Simulated plumes in real pixels" in page


def test_one_pair_twice_is_the_same(geoseg: Geoseg, tmp_path: Path) -> None:
    pair = write_pair(tmp_path / "pairs") / "dunes"
    told = []
    for _ in range(2):
        out, _ = geoseg(
            *INJECT, "--scene", pair / "after", "--reference", pair / "before", "--satellite", "sentinel-2b",
            "--rates", 12, "--places", 1, "--methods", "mbmp", "--json",
        )  # fmt: skip
        told.append(json.loads(out))
    assert told[0] == told[1]
    assert told[0]["trial"]["satellite"] == "sentinel-2b"
    assert [row["method"] for row in told[0]["rows"]] == ["mbmp", "mbmp"]


def test_without_a_reference_one_day_serves(geoseg: Geoseg, tmp_path: Path) -> None:
    scene = write_pair(tmp_path / "pairs") / "dunes" / "after"
    out, _ = geoseg(
        *INJECT, "--scene", scene, "--satellite", "sentinel-2a", "--rates", 5, "--places", 1, "--json"
    )
    assert {row["method"] for row in json.loads(out)["rows"]} == {"mbsp"}


def test_simulated_ground_is_said_to_be(geoseg: Geoseg) -> None:
    out, _ = geoseg(*INJECT, "--ground", 0.005, "--rates", 5, "--places", 1, "--methods", "mbsp", "--json")
    told = json.loads(out)
    assert told["label"] == "simulated plumes in simulated ground, noise 0.50%"
    assert told["rows"][1]["targeted"]["found"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--ground"),
        (["--model", "a"], "--model"),
        (["--column", "c"], "--column"),
        (["--data", "a", "--scene", "b"], "exclude each other"),
        (["--reference", "b"], "--scene"),
        (["--ground", "0.01", "--rates", "2;3"], "`--rates`: '2;3' is not numbers"),
        (["--ground", "0.01", "--rates", "0"], "above 0"),
        (["--ground", "0.01", "--methods", "mag1c"], "`--methods`: 'mag1c' should be"),
        (["--ground", "0.01", "--stability", "G"], "'--stability': 'G' is not one of"),
        (["--ground", "0.01", "--age", "0"], "age"),
        (["--ground", "0.01", "--seed", "-1"], "`--seed`: -1 should be"),
        (["--ground", "3"], "`--ground 3`"),
    ],
)
def test_bad_usage(arguments: list[str], message: str, geoseg: Geoseg) -> None:
    out, err = geoseg(*INJECT, *arguments, code=2)
    assert out == ""
    assert message in err


def test_no_pairs(geoseg: Geoseg, tmp_path: Path) -> None:
    _, err = geoseg(*INJECT, "--data", tmp_path, code=3)
    assert "NAME/before" in err
    _, err = geoseg(*INJECT, "--ground", 0.01, "-o", tmp_path, code=6)
    assert "--overwrite" in err


def test_real_pixels(geoseg: Geoseg, data_dir: Path, tmp_path: Path) -> None:
    """A city hides plumes of a tonne an hour; what is said of one far stronger is not wrong by its masses."""
    pair = data_dir / "change-s2" / "bercy"
    geoseg(
        *INJECT, "--scene", pair / "after", "--reference", pair / "before", "--coregister", "--satellite",
        "sentinel-2a", "--rates", "1,40", "--places", 1, "--methods", "mbmp", "-o", tmp_path / "report",
    )  # fmt: skip
    told = json.loads((tmp_path / "report" / "scores.json").read_text())
    assert [row["plume"]["found"] for row in told["rows"]][:2] == [0, 0]
    with (tmp_path / "report" / "runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[2]["mass_kg"]) == pytest.approx(40 * float(rows[1]["mass_kg"]), rel=1e-3)
    assert 0 < float(rows[2]["mass_kg"]) <= 40 / 2 * 1000 * 1.01
