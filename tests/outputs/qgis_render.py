# mypy: disable-error-code="import-not-found"
"""Open a map in QGIS as a user does and say what it looks like; run by the system's Python with PyQGIS.

Usage: qgis_render.py MAP LAYER PICTURE. Prints one JSON object: whether the layer is valid, its CRS, the kind
of renderer, and [value, label, fill colour] of each category. The picture has 400 x 400 pixels on white.
"""

import json
import sys
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsRectangle, QgsVectorLayer

sys.path.append(str(Path(__file__).parents[1]))

from qgis_picture import save_picture


def described(layer: Any) -> dict[str, Any]:
    """What a layer says of itself: aliases, types, lists of values, time, labels, tips and metadata."""
    if not layer.isValid():
        return {}
    time, metadata = layer.temporalProperties(), layer.metadata()
    box = [extent.bounds for extent in metadata.extent().spatialExtents()]
    fields = layer.fields()
    return {
        "aliases": {field.name(): layer.attributeDisplayName(i) for i, field in enumerate(fields)},
        "types": {field.name(): field.typeName() for field in fields},
        "values": {
            field.name(): {key: value for part in setup.config()["map"] for key, value in part.items()}
            for i, field in enumerate(fields)
            if (setup := layer.editorWidgetSetup(i)).type() == "ValueMap"
        },
        "time": {
            "on": time.isActive(),
            "mode": int(time.mode()),
            "fields": [time.startField(), time.endField()],
            "day": time.fixedTemporalRange().begin().toString("yyyy-MM-dd"),
        },
        "labels": layer.labeling().settings().fieldName if layer.labelsEnabled() else None,
        "tip": layer.mapTipTemplate(),
        "metadata": {
            "title": metadata.title(),
            "abstract": metadata.abstract(),
            "licences": metadata.licenses(),
            "history": metadata.history(),
            "crs": metadata.crs().authid(),
            "bounds": [[b.xMinimum(), b.yMinimum(), b.xMaximum(), b.yMaximum()] for b in box],
        },
        "styles": sorted(layer.listStylesInDatabase()[2]),
    }


def main() -> None:
    """Load, describe, render."""
    path, name, picture = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    # As the application does: the constructor resets what a style says of time.
    options = QgsVectorLayer.LayerOptions(False)
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr", options)
    layer.loadDefaultStyle()
    layer.loadDefaultMetadata()
    renderer = layer.renderer() if layer.isValid() else None
    categories = renderer.categories() if renderer and renderer.type() == "categorizedSymbol" else []
    facts = {
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "renderer": renderer.type() if renderer else None,
        "categories": [[str(c.value()), c.label(), c.symbol().color().name()] for c in categories],
        "features": layer.featureCount(),
        **described(layer),
    }
    extent = layer.extent() if layer.featureCount() else QgsRectangle(0, 0, 1, 1)
    save_picture([layer], picture, side=400, extent=extent)
    print(json.dumps(facts), flush=True)
    del renderer, categories, layer
    application.exitQgis()


main()
