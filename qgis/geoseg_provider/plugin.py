"""The plugin: adds the provider to Processing, in the program and in `qgis_process`."""

from qgis.core import QgsApplication

from .provider import GeosegProvider


class GeosegPlugin:
    """Adds and removes the provider."""

    def __init__(self, iface):
        """Keep nothing: the provider needs no window."""
        self.provider = None

    def initProcessing(self):
        """Add the provider."""
        self.provider = GeosegProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self):
        """Add the provider when QGIS has a window."""
        self.initProcessing()

    def unload(self):
        """Remove the provider."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
