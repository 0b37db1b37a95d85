"""Turn satellite and aerial rasters into maps.

The command line (`geoseg.cli`) is a client of this package. A raster travels
``scenes → normalise → runtimes → mosaic → regions → vectorise → outputs``, in the order that
`geoseg.engine.pipeline` knows; `geoseg.tasks` says what a flood or a change is made of.
"""

__version__ = "0.1.0"
