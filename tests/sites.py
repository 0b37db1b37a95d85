"""Sites that are simulated: each class is a pattern that a small network can learn."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tests.classifiers import write_scene
from tests.simulated import disc

LABELS = ("landfills", "coal mines")
SIDE = 72


def write_sites(root: Path, count: int = 96) -> Path:
    """Write footprints of Sentinel-2 and Sentinel-1 and their table; returns the table.

    A landfill is a bright disc in both bands of Sentinel-2; a coal mine is a dark one in VV of Sentinel-1 and
    in red. Every twelfth site has no Sentinel-1. Six of eight are to train on, one validates, one tests.
    """
    rng = np.random.default_rng(0)
    rows = []
    for index in range(count):
        classes = [bool(value) for value in rng.random(len(LABELS)) < 0.35]
        east = 500_000 + 5000 * index
        bands = rng.normal(0.15, 0.03, (2, SIDE, SIDE))
        radar = rng.normal(-12, 2, (1, SIDE, SIDE))
        row, col = rng.uniform(20, 52, 2)
        if classes[0]:
            bands[:, disc(SIDE, row, col, 12)] += 0.25
        if classes[1]:
            radar[:, disc(SIDE, 72 - row, 72 - col, 14)] -= 8
            bands[0, disc(SIDE, 72 - row, 72 - col, 14)] -= 0.1
        name = f"site_{index:03d}"
        for folder in ("s2", "s1"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        stored = np.clip(bands * 1e4, 1, 65_000).astype(np.uint16)
        write_scene(root / "s2" / f"{name}.tif", stored, ["red", "nir"], west=east)
        if index % 12:
            write_scene(root / "s1" / f"{name}.tif", radar.astype(np.float32), ["vv"], west=east, scale=1)
        named = [label for label, there in zip(LABELS, classes, strict=True) if there]
        part = {6: "validation", 7: "test"}.get(index % 8, "train")
        rows.append({"id": name, "split": part, "labels": ";".join(named) or "negative"})
    with (root / "sites.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root / "sites.csv"


CONFIG = """
name: simulated-sites
title: Landfills and mines of simulated sites
licence: CC0-1.0
task: scene-classification
data: {{root: {root}, table: sites.csv}}
footprint: 720
sensors:
  - name: sentinel-2
    files: "s2/{{id}}.tif"
    sensor: sentinel-2-l2a-harmonised
    units: reflectance
    resolution: 10
    bands: [{{name: red}}, {{name: nir}}]
    augment: {{gain: 0.02}}
  - name: sentinel-1
    files: "s1/{{id}}.tif"
    sensor: sentinel-1
    units: db
    resolution: 10
    bands: [{{name: vv}}]
    drop: 0.2
classes:
  - {{value: 1, label: landfills, colour: "#33a02c"}}
  - {{value: 2, label: coal mines, colour: "#1f78b4", names: [mines]}}
network: {{encoder: test_resnet}}
loss: {{positive_weights: balanced}}
loop: {{epochs: 4, batch: 12, learning_rate: 0.004, samples_per_epoch: 72, seed: 1}}
published:
  what: another set, another network
  citation: Nobody 2020
  average_precision: {{landfills: 0.5}}
"""
"""Of a training that takes seconds; `{root}` is the set's folder."""
