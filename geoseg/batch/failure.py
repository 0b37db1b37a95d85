"""Exit codes and messages of failures of a scene, as `geoseg TASK` would have had."""

from __future__ import annotations

import os

from geoseg.errors import GeosegError, RuntimeMissingError, SceneReadError
from geoseg.files.machine import shortage


def failure_of(error: Exception) -> tuple[int, str]:
    """Return exit code and message of an error."""
    text = " ".join(str(error).split())
    if isinstance(error, GeosegError):
        return error.exit_code, text
    if isinstance(error, ModuleNotFoundError) and (error.name or "geoseg").split(".")[0] != "geoseg":
        return RuntimeMissingError.exit_code, f"the Python package {error.name} is missing"
    if found := shortage(error):
        return found.exit_code, str(found)
    if isinstance(error, OSError) and error.filename is not None:
        reason = error.strerror or os.strerror(error.errno or 0)
        return SceneReadError.exit_code, f"{error.filename}: {reason}; check the path"
    return 1, f"internal error: {type(error).__name__}: {text}"
