"""Planes of metadata become facts of the dates and of the place, in one order everywhere."""

from __future__ import annotations

import pytest

from geoseg.spec.encoders import Metadata, metadata_channels

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.encoder import about_planes  # noqa: E402


@pytest.mark.parametrize(
    ("reads", "channels"),
    [
        ((), ()),
        (("month",), ("t1:month", "t2:month")),
        (("lonlat",), ("lat", "lon")),
        (("date", "lonlat"), ("t1:year", "t1:day", "t2:year", "t2:day", "lat", "lon")),
        (("month", "date"), ("t1:year", "t1:day", "t1:month", "t2:year", "t2:day", "t2:month")),
    ],
)
def test_facts_are_read_in_the_order_of_the_channels(
    reads: tuple[Metadata, ...], channels: tuple[str, ...]
) -> None:
    assert metadata_channels(reads, ("t1", "t2")) == channels
    planes = torch.arange(len(channels)).float()[None, :, None, None].expand(3, -1, 4, 5)
    about = about_planes(planes, reads, 2)

    def at(*names: str) -> list[float]:
        return [float(channels.index(name)) for name in names]

    assert (about.months is None) == ("month" not in reads)
    assert (about.days is None) == ("date" not in reads)
    assert (about.places is None) == ("lonlat" not in reads)
    if about.months is not None:
        assert about.months[2].tolist() == at("t1:month", "t2:month")
    if about.days is not None:
        assert about.days[2].tolist() == [at("t1:year", "t1:day"), at("t2:year", "t2:day")]
    if about.places is not None:
        assert about.places[2].tolist() == at("lat", "lon")


def test_channels_of_a_single_date_have_no_prefix() -> None:
    assert metadata_channels(("date", "lonlat"), ("",)) == ("year", "day", "lat", "lon")
