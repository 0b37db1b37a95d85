"""QGIS plugin: the commands of geoseg as Processing algorithms."""


def classFactory(iface):
    """Return the plugin."""
    from .plugin import GeosegPlugin  # noqa: PLC0415 - QGIS reads the package before Processing is there

    return GeosegPlugin(iface)
