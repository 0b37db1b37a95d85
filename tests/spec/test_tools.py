"""Requests of vectorize."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from geoseg.spec.runs import RunSpec
from geoseg.spec.tools import VectorizeRequest


def test_a_label_is_not_longer_than_that_of_any_class() -> None:
    run = RunSpec(output=Path("map.gpkg"))
    made = VectorizeRequest(mask="a.tif", run=run, classes=((1, "w" * 2000, None),))
    assert len(made.classes[0][1]) == 2000
    with pytest.raises(
        ValidationError, match=r"the label of class 1 has 2,001 characters; the limit is 2,000"
    ):
        VectorizeRequest(mask="a.tif", run=run, classes=((1, "w" * 2001, None),))
