"""Sessions of each runtime for small networks."""

from __future__ import annotations

from collections.abc import Callable

from geoseg.runtimes.choose import open_session
from geoseg.runtimes.network_session import OpenedSession
from geoseg.spec import ModelSpec
from tests.runtimes.programs import with_program

MakeNetwork = Callable[..., ModelSpec]
NAMES = ("onnxruntime", "openvino", "torch")


def opened(spec: ModelSpec, runtime: str, **options: object) -> OpenedSession:
    if runtime == "torch" and not spec.program:
        spec = with_program(spec)
    return open_session(spec, **{"runtime": runtime, "precision": "fp32", "tile": 32, **options})  # type: ignore[arg-type]
