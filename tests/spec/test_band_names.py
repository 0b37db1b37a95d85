"""Names of bands of several dates."""

from __future__ import annotations

import pytest

from geoseg.spec.band_names import by_date, date_of, plain_name


@pytest.mark.parametrize(
    ("band", "date", "name"),
    [("red", "", "red"), ("t2:red", "t2", "red"), ("before:vv", "before", "vv"), ("a:b:red", "a:b", "red")],
)
def test_a_name_is_a_date_and_a_band(band: str, date: str, name: str) -> None:
    assert (date_of(band), plain_name(band)) == (date, name)


def test_bands_are_grouped_by_date_in_their_order() -> None:
    assert by_date(("t2:red", "red", "t2:nir", "nir")) == {"t2": [0, 2], "": [1, 3]}
    assert list(by_date(("t2:red", "red"))) == ["t2", ""]
    assert by_date(()) == {}
