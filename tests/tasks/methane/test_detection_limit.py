"""Detection limits as they are told."""

from __future__ import annotations

import pytest

from geoseg.tasks.methane.detection_limit import tonnes


@pytest.mark.parametrize(
    ("rate", "told"),
    [(0.0432, "0.043 t/h"), (0.54, "0.54 t/h"), (1.46, "1.5 t/h"), (44.2, "44 t/h"), (2250.1, "2,300 t/h")],
)
def test_rates_have_two_digits(rate: float, told: str) -> None:
    assert tonnes(rate) == told
