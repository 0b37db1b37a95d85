"""A network of three classes for devices."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from geoseg.spec import ModelBand, ModelSpec
from tests.runtimes.conftest import make_network  # noqa: F401 - a fixture


@pytest.fixture
def make_classes(make_network: Callable[..., ModelSpec]) -> Callable[[], ModelSpec]:  # noqa: F811
    """A convolution to three classes of reflectance, with limits and statistics as trained networks have."""

    def make() -> ModelSpec:
        spec = make_network(3, kernel=3, gain=2)
        bands = tuple(ModelBand(name=f"b{index}", mean=0.2 + index / 10, std=0.1) for index in range(3))
        return spec.model_copy(update={"bands": bands, "tile": 64, "overlap": 16, "clip": (0.0, 0.5)})

    return make
