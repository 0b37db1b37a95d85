"""Load the maps of a run: polygon layers with their styles, in a group of the project."""

import csv
from pathlib import Path

from qgis.core import QgsMapLayerType, QgsProcessingContext, QgsProcessingLayerPostProcessorInterface

GROUP = "geoseg"
SUMMARY = "summary.csv"
MOST_MAPS = 20
"""Maps of a batch that are loaded each, where they were not merged."""


class StyledInGroup(QgsProcessingLayerPostProcessorInterface):
    """Finishes a loaded layer: its style once more, because QGIS disables its time when the layer is made."""

    def postProcessLayer(self, layer, context, feedback):
        """Load the style that is stored with the layer, and move the layer into the group."""
        polygons = layer.type() == QgsMapLayerType.VectorLayer
        if polygons:
            layer.loadDefaultStyle()
        root = context.project().layerTreeRoot() if context.project() else None
        node = root.findLayer(layer.id()) if root else None
        if node is not None and node.parent() == root:  # QGIS 3.32 and newer do it by `groupName`
            group = root.findGroup(GROUP) or root.insertGroup(0, GROUP)
            group.insertChildNode(0 if polygons else -1, node.clone())
            root.removeChildNode(node)


FINISH = StyledInGroup()
"""QGIS keeps no reference to it."""


def source_of(path, layer):
    """Return what QGIS opens to have the polygons of a map."""
    return f"{path}|layername={layer}" if str(path).lower().endswith(".gpkg") else str(path)


def load_outputs(results, layer, title, context):
    """Finish the layers that QGIS was to load, and load the polygons of a map in place of its file.

    Args:
        results: paths by output; that of the map is replaced by the source of its polygons.
        layer: name of the polygon layer; empty: there is no map.
        title: of the algorithm.
        context: of the algorithm.
    """
    waiting = context.layersToLoadOnCompletion()
    for key, path in results.items():
        source = source_of(path, layer) if layer and key == "OUTPUT" else path
        results[key] = source
        if path in waiting:
            details = waiting.pop(path)
            details.name = f"{title if key == 'OUTPUT' else details.name}: {Path(path).stem}"
            waiting[source] = _finished(details)
    context.setLayersToLoadOnCompletion(waiting)


def load_batch(folder, layer, context):
    """Load the merged map of a batch, or each of its maps if they are few; nothing without a project.

    Returns:
        Number of maps that are not loaded because they are many.
    """
    folder, project = Path(folder), context.project()
    merged = folder / "merged.gpkg"
    maps = [merged] if _is_later(merged, folder / SUMMARY) else _maps(folder / SUMMARY)
    if project is None:
        return 0
    if len(maps) > MOST_MAPS:
        return len(maps)
    for path in maps:
        name = folder.name if path == merged else path.stem
        details = QgsProcessingContext.LayerDetails(name, project)
        context.addLayerToLoadOnCompletion(source_of(path, layer), _finished(details))
    return 0


def _finished(details):
    """Return details of a layer that gets its style and its group."""
    if hasattr(details, "groupName"):
        details.groupName = GROUP
    details.setPostProcessor(FINISH)
    return details


def _is_later(merged, summary):
    """Return whether a merged map is of this run, which writes its summary first."""
    return merged.is_file() and merged.stat().st_mtime >= summary.stat().st_mtime


def _maps(summary):
    """Return the maps that the summary of a batch lists."""
    with summary.open(encoding="utf-8", newline="") as file:
        return [summary.parent / row["output"] for row in csv.DictReader(file) if row["status"] == "done"]
