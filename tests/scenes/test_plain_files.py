"""Files that are no scene are described only where reading them ends."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes.plain_files import describe_files


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and sockets with names are not on Windows")
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Paths of sockets are short.
    monkeypatch.chdir(tmp_path)
    path = {"device": "/dev/zero"}.get(kind, "a.tif")
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path)
    with pytest.raises(SceneReadError, match="a pipe, a device or a socket"):
        describe_files([path], SceneError("not a scene"))
