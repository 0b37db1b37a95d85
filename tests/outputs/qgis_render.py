# mypy: disable-error-code="import-not-found"
"""Open a map in QGIS as a user does and say what it looks like; run by the system's Python with PyQGIS.

Usage: qgis_render.py MAP LAYER PICTURE. Prints one JSON object: whether the layer is valid, its CRS, the kind
of renderer, and [value, label, fill colour] of each category. The picture has 400 x 400 pixels on white.
"""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def main() -> None:
    """Load, describe, render."""
    path, name, picture = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
    renderer = layer.renderer() if layer.isValid() else None
    categories = renderer.categories() if renderer and renderer.type() == "categorizedSymbol" else []
    facts = {
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "renderer": renderer.type() if renderer else None,
        "categories": [[str(c.value()), c.label(), c.symbol().color().name()] for c in categories],
        "features": layer.featureCount(),
    }
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent() if layer.featureCount() else QgsRectangle(0, 0, 1, 1))
    settings.setOutputSize(QSize(400, 400))
    settings.setBackgroundColor(QColor(255, 255, 255))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(picture, "PNG")
    print(json.dumps(facts), flush=True)
    del job, settings, renderer, categories, layer
    application.exitQgis()


main()
