"""Turn satellite and aerial rasters into maps of floods, change and methane.

    import geoseg

    water = geoseg.flood("S2A_MSIL2A_20240528.SAFE", min_area=1000)
    water.polygons.plot()

The functions do what the commands of the same names do; their options are the options of the commands, with
`_` for `-`. docs/python.md shows them.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

# Libraries of networks write files and send usage data to their makers when they are imported. ONNX Runtime
# and the client of the Hugging Face hub do not if this is set, OpenVINO not where its package is missing.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

if TYPE_CHECKING:
    from geoseg.api.map import Map as Map
    from geoseg.api.tasks import (
        change as change,
    )
    from geoseg.api.tasks import (
        embed as embed,
    )
    from geoseg.api.tasks import (
        fit as fit,
    )
    from geoseg.api.tasks import (
        flood as flood,
    )
    from geoseg.api.tasks import (
        load_model as load_model,
    )
    from geoseg.api.tasks import (
        open_scene as open_scene,
    )
    from geoseg.api.tasks import (
        plumes as plumes,
    )
    from geoseg.api.tasks import (
        segment as segment,
    )
    from geoseg.api.tasks import (
        vectorize as vectorize,
    )

__version__ = "0.1.0"

__all__ = [
    "Map",
    "change",
    "embed",
    "fit",
    "flood",
    "load_model",
    "open_scene",
    "plumes",
    "segment",
    "vectorize",
]

if not TYPE_CHECKING:  # type checkers read the imports above

    def __getattr__(name: str) -> object:
        """Import a public name on first use, so that the commands load only what they need."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module("geoseg.api.map" if name == "Map" else "geoseg.api.tasks")
        globals()[name] = getattr(module, name)
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
