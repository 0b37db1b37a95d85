"""Whether a map is scored on its device from stored pixels to scores, or tile by tile through the host."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from geoseg.engine.recipe import NetworkRecipe, Recipe
from geoseg.runtimes.around import network_of
from geoseg.spec import RunSpec

if TYPE_CHECKING:
    from geoseg.engine.device.device_sweep import DeviceSweep


def device_sweep(recipe: Recipe, run: RunSpec) -> DeviceSweep | None:
    """Return what scores a recipe on its devices; None where it is scored through its session.

    Networks can, with all that stands around them: flips, a second date, reference layers. Methods work on
    the host's arrays. So does TensorRT where torch is not installed, or not for CUDA.
    """
    network = network_of(recipe.session)
    if not isinstance(recipe, NetworkRecipe) or network is None:
        return None
    if not recipe.on_device or find_spec("torch") is None:
        return None
    from geoseg.engine.device.device_session import DeviceSession  # noqa: PLC0415 - imports torch
    from geoseg.engine.device.device_sweep import DeviceSweep, reaches  # noqa: PLC0415 - imports torch

    if not all(reaches(graph.device) for graph in recipe.on_device):
        return None
    session = DeviceSession(normaliser=recipe.prepare, session=recipe.session, network=network)
    return DeviceSweep(recipe.on_device, session, batch=run.batch_size)
