"""The request for a map of facilities that may emit methane."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from geoseg.spec.base import Spec
from geoseg.spec.runs import RunSpec, SceneSpec


class FacilitiesSpec(Spec):
    """A request for a map of facilities, by a scene classifier."""

    scene: SceneSpec
    run: RunSpec
    model: str
    """A bundle's name or folder, or an ONNX file."""
    sensor_input: str | None = None
    """Which of the model's sensors `scene` is; None: its first."""
    also: dict[str, str] = {}
    """Scenes of the model's further sensors: input name to a file, folder or product."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Least score of a facility; None: the model's."""
