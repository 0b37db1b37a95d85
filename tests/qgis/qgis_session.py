# mypy: disable-error-code="import-not-found, misc"
"""Run an algorithm of the plugin in a project as the window of QGIS does; run by the system's Python.

Usage: qgis_session.py PLUGINS ALGORITHM PARAMETERS PICTURE. PARAMETERS is a JSON object. Prints a JSON list
with the name, group, number of features, renderer, labels and time of each layer; the picture shows all.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, "/usr/share/qgis/python/plugins")

from processing.core.Processing import Processing
from processing.gui.Postprocessing import handleAlgorithmResults
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsVectorLayer,
)

sys.path.append(str(Path(__file__).parents[1]))

from qgis_picture import save_picture

LAYERS = {"QgsProcessingParameterVectorDestination", "QgsProcessingParameterRasterDestination"}
"""Outputs that the window loads."""


class Told(QgsProcessingFeedback):
    """Feedback whose errors and warnings are printed."""

    def reportError(self, error: str, fatalError: bool = False) -> None:
        print(error, file=sys.stderr)


def facts(layer: Any, project: Any) -> dict[str, Any]:
    """Return what a layer of a project is."""
    group = project.layerTreeRoot().findLayer(layer.id()).parent().name()
    found = {"name": layer.name(), "group": group, "valid": layer.isValid()}
    if isinstance(layer, QgsVectorLayer):
        found |= {
            "features": layer.featureCount(),
            "renderer": layer.renderer().type(),
            "labels": layer.labelsEnabled(),
            "time": layer.temporalProperties().isActive(),
            "title": layer.metadata().title(),
        }
    return found


def main() -> None:
    """Run, load as the window does, draw."""
    plugins, name, parameters, picture = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    Processing.initialize()
    sys.path.insert(0, plugins)
    from geoseg_provider.plugin import GeosegPlugin  # noqa: PLC0415 - needs the registry of Processing

    plugin = GeosegPlugin(None)
    plugin.initProcessing()
    project, context, feedback = QgsProject.instance(), QgsProcessingContext(), Told()
    context.setProject(project)
    context.setFeedback(feedback)
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"geoseg:{name}")
    given = json.loads(parameters)
    for key, path in given.items():
        if type(algorithm.parameterDefinition(key)).__name__ in LAYERS:
            given[key] = QgsProcessingOutputLayerDefinition(path, project)  # "open output after running"
    results, done = algorithm.run(given, context, feedback)
    assert done, results
    handleAlgorithmResults(algorithm, context, feedback, True, given)
    layers = [node.layer() for node in project.layerTreeRoot().findLayers()]
    print(json.dumps([facts(layer, project) for layer in layers]), flush=True)
    if not layers:
        os._exit(0)
    save_picture(layers, picture, side=800)
    os._exit(0)  # the application and the objects of Python end in no order that is safe


main()
