# mypy: disable-error-code="import-not-found"
"""Draw layers in QGIS; imported by scripts that the system's Python runs with PyQGIS."""

from collections.abc import Sequence
from typing import Any

from qgis.core import QgsMapRendererSequentialJob, QgsMapSettings
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def save_picture(layers: Sequence[Any], path: str, *, side: int, extent: Any = None) -> None:
    """Draw layers in the CRS of the first, on white, and save the picture as PNG.

    Args:
        layers: of QGIS, the uppermost first.
        path: of the picture.
        side: pixels.
        extent: a rectangle of QGIS; None: that of all layers.
    """
    settings = QgsMapSettings()
    settings.setLayers(list(layers))
    settings.setDestinationCrs(layers[0].crs())
    settings.setExtent(settings.fullExtent() if extent is None else extent)
    settings.setOutputSize(QSize(side, side))
    settings.setBackgroundColor(QColor(255, 255, 255))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path, "PNG")
