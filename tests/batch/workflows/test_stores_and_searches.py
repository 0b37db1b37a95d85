"""A batch into a store, and a batch of what a search finds; each by the command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.products.ground import write_raster
from tests.products.server import serving
from tests.products.stac import serving_api, stac_item
from tests.stores import BUCKET, empty_bucket, keys, serving_s3, variables

NAMES = ("blue", "green", "red", "nir", "swir16", "swir22")
FLOOD = ("--sensor", "sentinel-2-l2a", "--method", "ndwi", "--jobs", "1")


def run(*words: object, code: int = 0, environment: Mapping[str, str] | None = None) -> str:
    """Run `geoseg batch flood`; returns stdout and stderr."""
    command = [sys.executable, "-m", "geoseg", "batch", "flood", *map(str, words), *FLOOD]
    done = subprocess.run(
        command,
        env={**os.environ, "GEOSEG_OFFLINE": "", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = tmp_path / "scenes"
    for number in range(2):
        bands = np.full((6, 40, 40), 1500, np.uint16) + np.arange(40, dtype=np.uint16)
        bands[1, :, : 10 + number] += 1500
        write_raster(folder / f"scene{number}.tif", bands, descriptions=NAMES)
    return folder


@pytest.fixture
def server() -> Iterator[str]:
    with serving_s3() as place:
        empty_bucket(place)
        yield place


def test_a_batch_into_a_store(scenes: Path, server: str, tmp_path: Path) -> None:
    """A second machine, without the files of the first, continues it."""
    place = f"s3://{BUCKET}/out"
    (scenes / "bad.tif").write_text("broken")
    first = {**variables(server), "XDG_CACHE_HOME": str(tmp_path / "one")}
    assert f"see {place}/summary.csv" in run(scenes, "-o", place, code=7, environment=first)
    found = set(keys(server))
    names = {"scene0.gpkg", "scene1.gpkg", "journal.jsonl", "summary.csv", "summary.gpkg", "collection.json"}
    assert {f"out/{name}" for name in names} <= found
    (scenes / "bad.tif").unlink()
    second = {**variables(server), "XDG_CACHE_HOME": str(tmp_path / "two")}
    assert "kept, as up to date: 2 maps of earlier runs" in run(scenes, "-o", place, environment=second)
    assert not list((tmp_path / "two").rglob("scene*.gpkg"))


def test_another_machine_continues_a_batch_that_was_killed(scenes: Path, server: str, tmp_path: Path) -> None:
    """The first machine is lost with its files: what is in the store is known to be of the batch."""
    place = f"s3://{BUCKET}/out"
    first = {**os.environ, **variables(server), "GEOSEG_OFFLINE": "", "XDG_CACHE_HOME": str(tmp_path / "one")}
    command = [sys.executable, "-m", "geoseg", "batch", "flood", str(scenes), "-o", place, *FLOOD, "-q"]
    process = subprocess.Popen(command, env=first, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and "out/scene0.gpkg" not in keys(server):
        time.sleep(0.02)
    process.kill()
    process.wait()
    second = {**variables(server), "XDG_CACHE_HOME": str(tmp_path / "two")}
    run(scenes, "-o", place, environment=second)
    assert {"out/scene0.gpkg", "out/scene1.gpkg", "out/summary.csv"} <= set(keys(server))


def test_objects_that_no_batch_made_stay(scenes: Path, server: str, tmp_path: Path) -> None:
    from geoseg.files.store_path import StorePath  # noqa: PLC0415 - with obstore
    from geoseg.files.stores import upload  # noqa: PLC0415

    environment = {**variables(server), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    old, place = tmp_path / "old", StorePath(f"s3://{BUCKET}/out/scene0.gpkg")
    old.write_text("of others")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(server).items():
            patch.setenv(name, value)
        upload(old, place, overwrite=False)
        text = run(scenes, "-o", place.parent, code=7, environment=environment)
        assert f"{place}: exists, and no batch made it" in text
        assert place.read_text() == "of others"


def test_a_batch_of_a_search(tmp_path: Path) -> None:
    pytest.importorskip("pystac_client")
    names = [f"S2A_33UXP_2024051{number}_0_L2A" for number in range(3)]
    for name in names:
        for band, step in (("green", 30), ("nir", 3)):
            values = np.full((40, 40), 1500, np.uint16) + np.arange(40, dtype=np.uint16) * np.uint16(step)
            write_raster(tmp_path / "bands" / f"{name}_{band}.tif", values)
    with serving(tmp_path / "bands") as at:
        items = [
            stac_item(
                name,
                time=f"2024-05-1{number}T10:00:00Z",
                cloud=15 * number,
                assets={band: f"http://{at}/{name}_{band}.tif" for band in ("green", "nir")},
            )
            for number, name in enumerate(names)
        ]
        with serving_api(items) as api:
            where = ("--stac", api.base, "--collection", "sentinel-2-l2a", "--query", "eo:cloud_cover<20")
            run(*where, "-o", tmp_path / "out")
            assert sorted(path.stem for path in (tmp_path / "out").glob("S2A*.gpkg")) == names[:2]
            run(*where, "--datetime", "2023", "-o", tmp_path / "none", code=2)


def test_no_scene_is_given(tmp_path: Path) -> None:
    assert "no INPUTS are given" in run("-o", tmp_path / "out", code=2)
