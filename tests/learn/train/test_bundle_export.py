"""Exported graphs: the operators and sizes that every runtime takes, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoseg.bundles.find import find_model
from geoseg.bundles.program import PROGRAM
from geoseg.runtimes.choose import open_session

onnx = pytest.importorskip("onnx")
pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.bundles.deepness import spec_from_deepness  # noqa: E402
from geoseg.bundles.onnx_metadata import read_header, spec_from_metadata  # noqa: E402
from geoseg.bundles.onnx_operators import read_operators  # noqa: E402
from geoseg.files.onnx_files import OPSET  # noqa: E402
from geoseg.learn.train.bundle_export import ExportOptions, export  # noqa: E402
from geoseg.runtimes.tensorrt.tensorrt_operators import objections  # noqa: E402
from geoseg.spec import ModelSpec  # noqa: E402
from tests.learn.train.conftest import Run  # noqa: E402
from tests.prepared_process import geoseg  # noqa: E402


def test_the_graph_is_what_runtimes_take(run: Run) -> None:
    graph = onnx.load(str(run.bundle / "model.onnx"))
    onnx.checker.check_model(graph, full_check=True)
    assert [(entry.domain, entry.version) for entry in graph.opset_import if not entry.domain] == [
        ("", OPSET)
    ]
    assert objections(read_operators(run.bundle / "model.onnx"), (8, 5)) == ()
    header = read_header(run.bundle / "model.onnx")
    assert header.inputs[0].shape == (None, 2, None, None)
    assert header.outputs[0].shape == (None, 1, None, None)


def test_the_file_describes_itself_also_to_deepness(run: Run) -> None:
    path = run.bundle / "model.onnx"
    header = read_header(path)
    own = spec_from_metadata(path, header)
    assert isinstance(own, ModelSpec)
    assert own.name == "simulated-water"
    assert own.units == "reflectance"
    assert own.atmosphere == "surface"
    assert {"model_type", "class_names", "tile_size", "standardization_mean"} <= header.metadata.keys()
    assert header.metadata["model_type"] == '"Segmentor"'
    assert spec_from_deepness.__name__


def test_half_the_space_for_the_same_scores(run: Run, tmp_path: Path) -> None:
    whole, half = (run.bundle / "model.onnx").stat().st_size, tmp_path / "half"
    done = export(run.folder, half, ExportOptions(weights="fp16"))
    assert done.parity < 2e-3
    assert (half / "model.onnx").stat().st_size < 0.65 * whole


def test_a_program_scores_as_the_graph(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "with-program"
    done = geoseg("export", run.folder, "-o", bundle, "--program")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in bundle.iterdir()} == {"README.md", "model.json", "model.onnx", "model.pt2"}
    monkeypatch.setenv("GEOSEG_TRUST_PROGRAMS", "1")
    tiles = np.random.default_rng(1).normal(0, 1, (3, 2, 64, 64)).astype(np.float32)
    program, graph = (
        open_session(find_model(str(bundle)), runtime=name, device="cpu", precision="fp32", tile=64)
        for name in ("torch", "onnxruntime")
    )
    np.testing.assert_allclose(program.session(tiles), graph.session(tiles), rtol=0, atol=1e-4)
    assert f"program of torch  {PROGRAM}" in geoseg("models", "show", bundle).stdout


@pytest.mark.parametrize("form", ["openvino-int8", "tensorrt"])
def test_only_bundles_get_programs(form: str, run: Run, tmp_path: Path) -> None:
    done = geoseg("export", run.bundle, "-o", tmp_path / "bundle", "--to", form, "--program")
    assert done.returncode == 2
    assert "`--program` goes with `--to onnx`, onnx-fp32 or onnx-fp16" in done.stderr


def test_a_bundle_is_not_overwritten_unasked(run: Run) -> None:
    done = geoseg("export", run.folder, "-o", run.bundle)
    assert done.returncode == 6
    assert "--overwrite" in done.stderr


def test_what_is_no_training_is_refused(run: Run, tmp_path: Path) -> None:
    done = geoseg("export", tmp_path, "-o", tmp_path / "bundle")
    assert done.returncode == 3
    assert "give a folder of `geoseg train`" in done.stderr
    done = geoseg("export", run.folder, "-o", tmp_path / "b", "--checkpoint", run.config)
    assert done.returncode == 3
    assert not (tmp_path / "b").exists()
