"""Networks that read further rasters as bands: the phase of an interferogram, on a grid of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from geoseg.errors import BandError
from geoseg.spec import FloodSpec, RunSpec, SceneSpec, SegmentSpec
from geoseg.tasks.flood.flood_map import map_flood
from geoseg.tasks.segment.segmentation_map import map_segments
from tests.messages import Messages, progress
from tests.tasks.flood.network_bundles import SIDE, bundle, raster, run, scene


@pytest.mark.parametrize("command", ["flood", "segment"])
@pytest.mark.parametrize("stored", ["angle", "interferogram"])
def test_a_network_reads_a_phase_as_layers(
    command: str, stored: str, tmp_path: Path, messages: Messages
) -> None:
    """Water is where the cosine of a phase on a coarser grid is above green: not where it is about ±π."""
    model = bundle(tmp_path / "models" / "slip", ("phase_cos", "green"), mean=0.0, statistics_known=False)
    half = SIDE // 2
    phase = np.zeros((half, half))
    phase[:, half // 2 :] = np.pi
    phase[1::2, half // 2 :] = -np.pi + 1e-6
    values = np.exp(1j * phase).astype("complex64") if stored == "interferogram" else phase.astype("float32")
    with rasterio.open(
        tmp_path / "ifg.tif", "w", driver="GTiff", width=half, height=half, count=1,
        dtype=values.dtype.name, crs="EPSG:32633", transform=Affine(20, 0, 5e5, 0, -20, 46e5),
    ) as file:  # fmt: skip
        file.write(values, 1)
    coherence = raster(tmp_path / "coh.tif", {"coherence": np.full((SIDE, SIDE), 0.5)})
    request = {
        "scene": SceneSpec(paths=(str(scene(tmp_path)),), sensor="sentinel-2-l2a"),
        "run": RunSpec(output=tmp_path / "map.gpkg", raster=tmp_path / "map.tif", min_area=0.0),
        "model": str(model),
    }
    layers = {"phase": str(tmp_path / "ifg.tif"), "coherence": str(coherence)}

    def run(**more: object) -> None:
        if command == "flood":
            map_flood(FloodSpec.model_validate({**request, **more}), progress)
        else:
            map_segments(SegmentSpec.model_validate({**request, **more}), progress)

    with pytest.raises(BandError, match="phase_cos"):
        run()
    run(layer=layers)
    assert "layer-not-used" in messages.codes
    assert "coherence" in "".join(messages.warnings)
    with rasterio.open(tmp_path / "map.tif") as file:
        mapped = file.read(1)
    assert (mapped[:, : half - 2] == 1).all()
    assert (mapped[:, half + 2 :] == 0).all()


def test_methods_read_no_layers(tmp_path: Path, messages: Messages) -> None:
    coherence = raster(tmp_path / "coh.tif", {"coherence": np.full((SIDE, SIDE), 0.5)})
    options = {"sensor": "sentinel-2-l2a", "method": "mndwi", "layer": {"coherence": str(coherence)}}
    run(tmp_path, scene(tmp_path), **options)
    assert "layer-not-used" in messages.codes
