"""Style files beside a map, in the format of their suffix: QGIS, map servers, web maps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from geoseg.errors import UsageError
from geoseg.outputs.layer import Layer
from geoseg.outputs.sld import mapbox_style, sld_text
from geoseg.outputs.styles import StyleFacts, layer_qml, views_of

FORMATS = {".qml": "QGIS", ".sld": "OGC SLD 1.0", ".json": "Mapbox style"}
"""Format by suffix."""


def check_styles(paths: Iterable[Path]) -> None:
    """Check the suffixes of style files.

    Raises:
        UsageError: one is not a format that geoseg writes.
    """
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            *first, last = (f"{suffix} ({name})" for suffix, name in FORMATS.items())
            raise UsageError(
                f"`--style {path}`: unknown format {path.suffix!r}; use {', '.join(first)} or {last}"
            )


def style_texts(paths: Iterable[Path], layer: Layer, facts: StyleFacts, output: Path) -> dict[Path, str]:
    """Return the content of style files.

    Args:
        paths: of the files, with a suffix of `FORMATS`.
        layer: to be drawn.
        facts: of the map.
        output: file of the map, which a Mapbox style names as its source.
    """
    view = views_of(layer, facts)[0]
    made = {
        ".qml": lambda: layer_qml(layer, view, facts),
        ".sld": lambda: sld_text(layer, view),
        ".json": lambda: json.dumps(mapbox_style(layer, view, output), indent=1, ensure_ascii=False) + "\n",
    }
    return {path: made[path.suffix.lower()]() for path in paths}
