"""Rasters and STAC items behind addresses, read by range requests from a server on this machine."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from geoseg.catalog import sensors
from geoseg.errors import SceneReadError
from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec


class Ranges(SimpleHTTPRequestHandler):
    """Serves files whole or by range, and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path.split("?")[0]))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        self.send_response(206 if asked else 200)
        if asked:
            start, stop = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
            self.send_header("Content-Range", f"bytes {start}-{stop}/{len(content)}")
            content = content[start : stop + 1]
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    place = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    path = tmp_path / "T32TQM_20210125T101031_B03_10m.tif"
    options = {"driver": "GTiff", "crs": "EPSG:32632", "transform": place, "dtype": "uint16"}
    with rasterio.open(path, "w", height=300, width=300, count=1, **options) as file:
        file.write(np.full((1, 300, 300), 1500, np.uint16))
    asset = {
        "href": f"./{path.name}",
        "type": "image/tiff",
        "eo:bands": [{"name": "B03", "common_name": "green"}],
    }
    item = {"type": "Feature", "id": "S2A_32TQM_20210125_0_L2A", "properties": {}, "assets": {"green": asset}}
    (tmp_path / "item.json").write_text(json.dumps(item))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["T32TQM_20210125T101031_B03_10m.tif?signature=x", "item.json"])
def test_address(address: str, name: str) -> None:
    with open_scene(SceneSpec(paths=(f"{address}/{name}",)), sensors()) as opened:
        assert opened.band_names == ("green",)
        pixels = opened.read(opened.grid.window, ["green"])
    assert pixels.valid.all()
    assert pixels.physical().max() == pytest.approx(0.15)


@pytest.mark.parametrize("name", ["none.tif", "none.json"])
def test_address_of_nothing(address: str, name: str) -> None:
    with pytest.raises(SceneReadError, match=f"{name} (does not exist|cannot be read)"):
        open_scene(SceneSpec(paths=(f"{address}/{name}",)), sensors())
