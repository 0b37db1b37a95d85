# mypy: disable-error-code="import-not-found"
"""Open a drawn sample in QGIS as a user does and describe its form; run by the system's Python with PyQGIS.

Usage: qgis_form.py POINTS. Prints one JSON object: per column the kind of its editor, the choices of
`reference`, the columns hidden in the attribute table, and the tables of the file.
"""

import json
import sys

from qgis.core import QgsApplication, QgsVectorLayer


def main() -> None:
    """Load and describe."""
    application = QgsApplication([], False)
    application.initQgis()
    layer = QgsVectorLayer(f"{sys.argv[1]}|layername=sample", "sample", "ogr")
    strata = QgsVectorLayer(f"{sys.argv[1]}|layername=strata", "strata", "ogr")
    names = layer.fields().names()
    setups = {name: layer.editorWidgetSetup(layer.fields().indexOf(name)) for name in names}
    facts = {
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "features": layer.featureCount(),
        "editors": {name: setup.type() for name, setup in setups.items()},
        "choices": setups["reference"].config().get("map"),
        "hidden": [column.name for column in layer.attributeTableConfig().columns() if column.hidden],
        "symbol": layer.renderer().type(),
        "strata": strata.featureCount(),
    }
    print(json.dumps(facts), flush=True)
    del layer, strata
    application.exitQgis()


main()
