"""Decide whether a network's map is scored on GPUs from stored pixels to classes, or through the host."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from geoseg.engine.recipe import Recipe
from geoseg.spec import RunSpec

if TYPE_CHECKING:
    from geoseg.engine.device.device_sweep import DeviceSweep


def device_sweep(recipe: Recipe, run: RunSpec) -> DeviceSweep | None:
    """Return the sweep that scores a recipe on its GPUs; None: its session scores on the host.

    Networks are scored on GPUs together with the arithmetic around them: flips, a second date, reference
    layers. Methods work on the host's arrays. TensorRT scores through the host if torch is not installed, or
    is installed without CUDA.
    """
    if not recipe.on_device or find_spec("torch") is None:
        return None
    from geoseg.engine.device.device_session import DeviceSession  # noqa: PLC0415 - imports torch
    from geoseg.engine.device.device_sweep import DeviceSweep, reaches  # noqa: PLC0415 - imports torch
    from geoseg.runtimes.session_wrapper import network_of  # noqa: PLC0415 - only networks on GPUs

    network = network_of(recipe.session)
    if network is None or not all(reaches(graph.device) for graph in recipe.on_device):
        return None
    session = DeviceSession(normaliser=recipe.normaliser, session=recipe.session, network=network)
    return DeviceSweep(recipe.on_device, session, batch=run.batch_size)
