# mypy: disable-error-code="import-not-found"
"""Open layers in QGIS and say what they are; run by the system's Python with PyQGIS.

Usage: qgis_layers.py SOURCE…. Prints a JSON list: validity, number of features, kind of renderer.
"""

import json
import sys

from qgis.core import QgsApplication, QgsVectorLayer

application = QgsApplication([], False)
application.initQgis()
facts = []
for source in sys.argv[1:]:
    layer = QgsVectorLayer(source, "map", "ogr")
    facts.append([layer.isValid(), layer.featureCount(), layer.renderer().type() if layer.isValid() else ""])
    del layer
print(json.dumps(facts), flush=True)
application.exitQgis()
