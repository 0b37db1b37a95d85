"""Whether a map is scored on its device from stored pixels to classes, or tile by tile through the host."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from geoseg.runtimes.network import NetworkSession
from geoseg.spec import ModelSpec, RunSpec
from geoseg.tasks.recipe import NetworkRecipe, Recipe

if TYPE_CHECKING:
    from geoseg.device.sweep import DeviceSweep


def device_sweep(recipe: Recipe, run: RunSpec) -> DeviceSweep | None:
    """Return what scores a recipe on its devices; None where it is scored through its session.

    Only a network alone can: what averages flips, splits water by layers or compares two dates works on the
    host's arrays. So does TensorRT where torch is not installed, or not for CUDA.
    """
    session = recipe.session
    if not isinstance(recipe, NetworkRecipe) or not isinstance(session, NetworkSession):
        return None
    spec = recipe.prepare.spec
    if not isinstance(spec, ModelSpec) or not recipe.on_device or find_spec("torch") is None:
        return None
    from geoseg.device.sweep import DeviceSweep, reaches  # noqa: PLC0415 - imports torch

    if not all(reaches(graph.device) for graph in recipe.on_device):
        return None
    return DeviceSweep(recipe.on_device, spec, session.activation, batch=run.batch_size)
