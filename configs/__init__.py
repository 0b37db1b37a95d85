"""Presets as YAML: `sensors/`, `tasks/`. Data only; read through `geoseg.catalog`."""
