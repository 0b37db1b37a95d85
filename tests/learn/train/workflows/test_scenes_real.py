"""A scene classifier that learns from footprints of real Sentinel-2 scenes, and maps a city it never saw.

What it learns is told by the pixels themselves, for no facility is labelled in these scenes: whether the
ground is bright, and whether it is green. That the loop learns, not that it finds facilities, is shown.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio

pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.learn.samples.labelled_sites import Site, SiteImage, read_site
from tests.classifiers import positions
from tests.prepared_process import geoseg

PARTS = {
    "aguasclaras": "train", "bercy": "train", "bordeaux": "train", "hongkong": "train", "paris": "train",
    "saclay_e": "validation", "nantes": "test",
}  # fmt: skip
"""No footprint of a city that is judged is trained on."""

CONFIG = """
name: bright-and-green
licence: CC0-1.0
task: scene-classification
data: {{root: {root}, table: {table}}}
sensors:
  - name: sentinel-2
    files: "{{city}}/before"
    shared: true
    units: reflectance
    resolution: 10
    bands: [{{name: red}}, {{name: nir}}]
classes:
  - {{value: 1, label: bright, colour: "#e31a1c"}}
  - {{value: 2, label: green, colour: "#33a02c"}}
network: {{encoder: test_resnet}}
loop: {{epochs: 6, batch: 12, learning_rate: 0.004, seed: 1}}
"""


def _centres(path: Path, count: int) -> list[tuple[float, float]]:
    """Longitude and latitude of places whose footprint lies inside of a raster in degrees."""
    with rasterio.open(path) as file:
        left, bottom, right, top = file.bounds
    rng = np.random.default_rng(len(path.name))
    inset = 0.16
    along = rng.uniform(inset, 1 - inset, (count, 2))
    return [(left + x * (right - left), bottom + y * (top - bottom)) for x, y in along.tolist()]


def _table(root: Path, path: Path) -> None:
    """Places in every city with what their pixels say, above or below the median of all."""
    image = SiteImage(
        name="sentinel-2", files="{city}/before", shared=True, units="reflectance", resolution=10
    )
    rows = []
    for city, part in PARTS.items():
        folder = root / city / "before"
        for index, (lon, lat) in enumerate(_centres(next(folder.glob("*B04.tif")), 16)):
            site = Site(id="", role="train", classes=(), files=(folder,), lonlat=(lon, lat))
            red, nir = read_site(folder, image, ("red", "nir"), 72, site).physical()
            rows.append(
                {
                    "id": f"{city}-{index}", "city": city, "split": part, "lon": lon, "lat": lat,
                    "bright": float(np.nanmean(red)), "green": float(np.nanmean((nir - red) / (nir + red))),
                }
            )  # fmt: skip
    for name in ("bright", "green"):
        middle = np.median([row[name] for row in rows])
        for row in rows:
            row[name] = int(row[name] > middle)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_from_real_footprints_to_a_real_map(data_dir: Path, tmp_path: Path) -> None:
    root, table, config = data_dir / "change-s2", tmp_path / "sites.csv", tmp_path / "bright.yaml"
    if not root.is_dir():
        pytest.skip(f"no Sentinel-2 scenes at {root}")
    _table(root, table)
    config.write_text(CONFIG.format(root=root, table=table))
    run, bundle = tmp_path / "run", tmp_path / "bright-and-green"
    for arguments in (("train", config, "-o", run, "--threads", 1), ("export", run, "-o", bundle)):
        done = geoseg(*arguments)
        assert done.returncode == 0, done.stderr
    done = geoseg("evaluate", "maps", config, "--model", bundle, "--on", "test", "--json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    learnt = [entry for entry in result["classes"] if 0 < entry["positives"] < result["sites"]]
    assert learnt
    for entry in learnt:
        # Halfway from chance to perfect at least.
        assert entry["average_precision"] > (1 + entry["prevalence"]) / 2, entry
    out, raster = tmp_path / "map.gpkg", tmp_path / "scores.tif"
    done = geoseg(
        "methane", "facilities", root / "nantes" / "before", "--model", bundle, "-o", out, "--scores", raster
    )
    assert done.returncode == 0, done.stderr
    with rasterio.open(raster) as file:
        scores, transform = file.read(), file.transform
    points = geopandas.read_file(out, layer="facilities")
    assert points.crs.to_epsg() == 4326
    cols, rows = (np.array(v) for v in positions(transform, points.geometry.x, points.geometry.y))
    np.testing.assert_allclose(rows % 1, 0.5, atol=1e-6)
    for index, label in enumerate(("bright", "green")):
        own = points["label"] == label
        found = scores[index][rows[own].astype(int), cols[own].astype(int)]
        np.testing.assert_allclose(points["score"][own], found, atol=1e-6)
    assert len(geopandas.read_file(out, layer="footprints")) == len(points) > 0
