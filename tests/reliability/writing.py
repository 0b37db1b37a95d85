"""Commands that write other files than maps: networks, trainings, reports. For full disks."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from tests import simulated
from tests.learn.samples.test_dataset_import import write_so2sat
from tests.products.ground import WATER, Ground, lake, write_raster
from tests.reliability import corpus
from tests.reliability.campaign import in_child
from tests.reliability.subjects import SENSOR, Subject
from tests.third_party import BANDS, write_network

SERVED = b"\x12\xd8\x36" + b"weights" * 1000
"""An ONNX file: 7000 bytes of the name of its producer."""

GIVEN = "given"
"""Name of the bundle whose weights are at an address."""


def write_run(folder: Path) -> None:
    """A finished training, in a process of its own, whose threads a forked process would not have."""
    simulated.write_set(folder / "set", chips=4)
    (folder / "train.yaml").write_text(simulated.CONFIG.format(root=folder / "set"))
    command = ("train", folder / "train.yaml", "-o", folder / "run", "--set", "loop.epochs=1", "--quiet")
    subprocess.run([sys.executable, "-m", "geoseg", *map(str, command)], check=True)


def write_foreign(folder: Path) -> None:
    """A network of another program."""
    write_network(folder / "net.onnx", [(1, 2), WATER])


def write_four_bands(folder: Path) -> None:
    """A scene of the bands of an encoder."""
    bands = ("blue", "green", "red", "nir")
    values = np.stack([Ground(kinds=lake(64)).reflectance(band) for band in bands])
    write_raster(folder / "scene.tif", values.astype(np.float32), descriptions=bands, nodata=np.nan)


def write_h5(folder: Path) -> None:
    """A published set as its authors store it."""
    write_so2sat(folder / "raw" / "training.h5")


def write_nothing(folder: Path) -> None:
    """No inputs."""


class _Server(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(SERVED)))
        self.end_headers()
        self.wfile.write(SERVED)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def serve(folder: Path) -> None:
    """Serve weights in this process, and write the description that names their address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asset = {
        "href": f"http://127.0.0.1:{server.server_address[1]}/large.onnx",
        "roles": ["mlm:model"],
        "file:checksum": f"1220{hashlib.sha256(SERVED).hexdigest()}",
    }
    text = json.dumps({"type": "Feature", "id": "large", "assets": {"model": asset}})

    def write() -> None:
        os.environ.pop("DISK_UNDER", None)  # these are no writes of the command
        place = folder / "home" / GIVEN
        place.mkdir()
        (place / "model.json").write_text(text)

    in_child(write)


BEFORE: Mapping[str, Callable[[Path], None]] = {"pull": serve}
"""What happens in the process of a command before it."""

_ONE = "--set loop.epochs=1"

_ROWS: tuple[tuple[str, Callable[[Path], None], str], ...] = (
    ("train", corpus.write_training, f"train in/train.yaml -o out/run {_ONE}"),
    ("export", write_run, "export in/run -o out/bundle"),
    ("embed", write_four_bands, f"embed in/scene.tif -o out/map.tif --weights none {SENSOR} --clouds none"),
    (
        "describe",
        write_foreign,
        "models describe in/net.onnx -o out/bundle --units reflectance --mean 0 --std 1"
        f" --classes land,water --bands {','.join(BANDS)}",
    ),
    ("pull", write_nothing, f"models pull home/{GIVEN}"),
    (
        "area",
        corpus.write_points,
        "evaluate area in/map.tif in/points.csv -o out/area --report out/area.html",
    ),
    (
        "plumes",
        corpus.write_plume,
        "evaluate methane --scene in/after --reference in/before -o out/scores --view-zenith 5"
        " --sun-zenith 20 --rates 20 --winds 3",
    ),
    (
        "bench-run",
        corpus.write_training,
        f"bench run in/train.yaml --protocol pangaea --labels 100 -o out/bench {_ONE}",
    ),
    ("bench-import", write_h5, "bench import so2sat --argument root=in/raw --splits train -o out/set"),
    ("demo", write_nothing, "demo out/demo"),
)

WRITING = tuple(
    Subject(name=name, kind="", target="", command=tuple(shlex.split(command)), make=make)
    for name, make, command in _ROWS
)
"""Commands, of which nothing is damaged."""
