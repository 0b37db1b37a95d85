"""Measure the detection of methane plumes with simulated plumes of known source rate.

    python bench/methane.py [--data FOLDER] [--places N] [-o FOLDER]

Adds plumes to the Sentinel-2 pairs of OSCD (cities, read as Sentinel-2A), again with absorption extrapolated
beyond its table, and to simulated homogeneous ground; then analyses the errors of mapped rates. Prints the
tables; with -o the reports of `geoseg evaluate methane` are stored. Data are read from GEOSEG_TEST_DATA
(default: ../shared/data next to the repository). No parameter of the retrieval was tuned on these results.
Takes about twenty-five minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
CITY_RATES, EXTENDED_RATES, GROUND_RATES = "2,5,10,20,50,100", "10,20,50,100,200", "0.5,1,2,5,10"
SLOPE, OFFSET = 0.33, 0.45
"""Effective wind speed of Sentinel-2 as a linear function of the wind speed at 10 m, in m/s."""


def evaluate(folder: Path, *arguments: object) -> None:
    """Run the command and show its output."""
    command = [sys.executable, "-m", "geoseg", "evaluate", "methane", *map(str, arguments)]
    print("\n$ geoseg", *command[3:], flush=True)
    subprocess.run([*command, "-q", "-o", str(folder), "--overwrite"], check=True)


def explain(path: Path) -> None:
    """Print the factors of the source rates of detected plumes.

    The rate is U_eff IME / L, where L is the square root of the area. For a Gaussian plume that fills its
    mask, IME is Q / U times the mapped length, so that the ratio to the true rate is U_eff / U times this
    length ("gas", reduced by the threshold, the end of the table and the background ring) divided by L.
    """
    groups: dict[tuple[str, str, float], list[dict[str, str]]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["targeted_found"] == "1" and row["targeted_rate_kg_h"] and float(row["rate_t_h"]) > 0:
                groups[row["ground"], row["method"], float(row["rate_t_h"])].append(row)
    print(
        "\n| ground | method | t/h | n | rate / true | U_eff / U | gas, m | L, m | mapped / mass | beyond "
        "table |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for (ground, method, rate), rows in sorted(groups.items()):
        winds = [float(row["wind_m_s"]) for row in rows]
        masses = [float(row["targeted_ime_kg"]) for row in rows]
        gas = [mass / (rate * 1000 / 3600) * wind for mass, wind in zip(masses, winds, strict=True)]
        values = (
            f"{median(float(row['targeted_rate_kg_h']) / rate / 1000 for row in rows):.2f}",
            f"{median((SLOPE * wind + OFFSET) / wind for wind in winds):.2f}",
            f"{median(gas):.0f}",
            f"{median(float(row['targeted_length_m']) for row in rows):.0f}",
            f"{median(m / float(row['mass_kg']) for m, row in zip(masses, rows, strict=True)):.0%}",
            f"{median(float(row['beyond_share']) for row in rows):.0%}",
        )
        print(f"| {ground} | {method} | {rate:g} | {len(rows)} | {' | '.join(values)} |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--places", type=int, default=3, help="number of sources in each city")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.output or Path(scratch)
        pairs = options.data / "change-s2"
        if pairs.is_dir():
            cities = "--data", pairs, "--satellite", "sentinel-2a", "--coregister", "--places", options.places
            evaluate(root / "cities", *cities, "--rates", CITY_RATES)
            explain(root / "cities" / "runs.csv")
            evaluate(root / "extended", *cities, "--extend", "--rates", EXTENDED_RATES)
            explain(root / "extended" / "runs.csv")
        else:
            print(f"{pairs} does not exist: cities are skipped", file=sys.stderr)
        evaluate(
            root / "ground", "--ground", 0.005, "--ground", 0.01, "--rates", GROUND_RATES, "--places", 10
        )
        explain(root / "ground" / "runs.csv")


if __name__ == "__main__":
    main()
