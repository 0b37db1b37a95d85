"""Numbers that docs/flood.md states are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.atmosphere.cloud_warnings import LOW_SUN
from geoseg.methods.cloud import WATER_NIR
from geoseg.methods.sar_water import GUARD
from geoseg.scenes.threshold_sample import SAMPLE_SIZE, SAMPLES
from geoseg.spec import FloodSpec
from geoseg.tasks.flood.methods.waterdetect import LEAST_INDEX, MOST_CLUSTERS, MOST_PIXELS
from geoseg.tasks.flood.tile_thresholds import SIDE

DOCS = Path(__file__).parents[3] / "docs" / "flood.md"


def minus(value: float) -> str:
    return f"{value:g}".replace("-", "−")


@pytest.mark.parametrize(
    "text",
    [
        f"up to {SAMPLES} evenly distributed blocks of {SAMPLE_SIZE} × {SAMPLE_SIZE} pixels",
        f"every tile of about {SIDE} × {SIDE} pixels",
        f"up to {MOST_PIXELS:,} pixels of the sample (k-means, 2 to {MOST_CLUSTERS} clusters",
        f"mean MNDWI is above {minus(LEAST_INDEX)}",
        f"exceeds {WATER_NIR:g}, as for cloud and snow",
        f"{minus(GUARD['vv'][0])}..{minus(GUARD['vv'][1])} dB for VV",
        f"{minus(GUARD['vh'][0])}..{minus(GUARD['vh'][1])} dB for VH",
        f"Below {LOW_SUN:g} degrees",
        f"({FloodSpec.model_fields['max_hand'].default:g} m above the nearest drainage)",
        f"({FloodSpec.model_fields['max_slope'].default:g} degrees)",
    ],
)
def test_the_number_is_that_of_the_code(text: str) -> None:
    assert text in " ".join(DOCS.read_text().split()), text
