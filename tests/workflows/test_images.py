"""The container files: what they copy exists, what they name agrees, and nothing of a machine is in them."""

from __future__ import annotations

import ctypes.util
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
KUBERNETES = sorted((DOCKER / "kubernetes").glob("*.yaml"))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def arguments() -> dict[str, str]:
    """Build arguments with their defaults."""
    return dict(re.findall(r"^ARG (\w+)=(.*)$", DOCKERFILE, re.MULTILINE))


def test_what_is_copied_is_sent_to_the_build() -> None:
    """.dockerignore leaves out everything else."""
    sources = {
        name
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for name in line.split()
    }
    sent = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert sources == sent
    assert all((ROOT / name).exists() for name in sources)


def test_the_targets() -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert stages[-1] == "cpu", "a build without --target makes the last stage"
    assert {"cpu", "gpu"} <= set(stages)
    for stage in ("cpu", "gpu"):
        text = re.split(r"^FROM ", DOCKERFILE.split(f" AS {stage}\n")[1], flags=re.MULTILINE)[0]
        assert "\nUSER 10001:10001\n" in text
        assert "\nHEALTHCHECK " in text
        assert 'ENTRYPOINT ["geoseg"]' in text
        for label in ("title", "description", "licenses", "version", "revision", "created"):
            assert f"org.opencontainers.image.{label}=" in text
    assert "\nVOLUME /cache\n" in DOCKERFILE


def test_no_package_index_is_named() -> None:
    text = "".join(path.read_text() for path in DOCKER.rglob("*") if path.is_file())
    assert not re.search(r"index.url|extra-index|pypi\.org|pythonhosted", text, re.IGNORECASE)


@pytest.mark.parametrize("argument", ["EXTRAS", "GPU_EXTRAS"])
def test_extras_exist(argument: str) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(arguments()[argument].split(",")) <= set(known)


def compose() -> dict[str, Any]:
    return dict(load(DOCKER / "compose.yaml"))


def test_the_compose_file_is_closed() -> None:
    """Containers of geoseg have no rights; ports are those of this machine only."""
    services = compose()["services"]
    for name in ("scheduler", "worker", "geoseg"):
        service = services[name]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["build"]["target"] == "cpu"
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    scheduler, worker = services["scheduler"]["entrypoint"], services["worker"]["entrypoint"]
    port = scheduler[scheduler.index("--port") + 1]
    assert f"tcp://scheduler:{port}" in worker


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes(path: Path) -> None:
    table = load(path)
    assert table["apiVersion"]
    if table["kind"] != "Job":
        return
    pod = table["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["resources"]["limits"]["memory"]
    assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {item["name"] for item in pod["volumes"]}
    if table["spec"].get("completionMode") == "Indexed":
        parts = {item["name"]: item["value"] for item in container["env"]}["GEOSEG_PARTS"]
        assert int(parts) == table["spec"]["completions"]
        assert "$(JOB_COMPLETION_INDEX)/$(GEOSEG_PARTS)" in container["args"]


def test_the_claim_of_the_jobs_is_there() -> None:
    tables = {path.name: load(path) for path in KUBERNETES}
    claim = tables["volume.yaml"]["metadata"]["name"]
    for name in ("job.yaml", "finish.yaml"):
        volumes = tables[name]["spec"]["template"]["spec"]["volumes"]
        claims = [item["persistentVolumeClaim"] for item in volumes if "persistentVolumeClaim" in item]
        assert claims == [{"claimName": claim}]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "16", "SLURM_CPUS_PER_TASK": "4"},
            "batch flood scenes -o maps --jobs 4 --shard 3/16",
        ),
        ({"SLURM_MEM_PER_NODE": "8000"}, "batch flood scenes -o maps --jobs 1 --max-memory 7200"),
    ],
)
def test_the_slurm_script(variables: dict[str, str], expected: str) -> None:
    script = DOCKER / "slurm" / "map.sbatch"
    environment = {"PATH": os.environ["PATH"], "GEOSEG": "echo", **variables}
    done = subprocess.run(
        ["bash", script, "scenes", "maps"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


def test_the_job_definition_of_aws() -> None:
    table = json.loads((DOCKER / "aws" / "batch-job-definition.json").read_text())
    container = table["containerProperties"]
    assert container["readonlyRootFilesystem"]
    mounts = {mount["sourceVolume"] for mount in container["mountPoints"]}
    assert mounts == {volume["name"] for volume in container["volumes"]}
    named = {word.removeprefix("Ref::") for word in container["command"] if word.startswith("Ref::")}
    assert named == set(table["parameters"])
    botocore = pytest.importorskip("botocore.session", reason="botocore is not installed")
    from botocore.validate import ParamValidator  # noqa: PLC0415 - may be missing

    model = botocore.get_session().get_service_model("batch").operation_model("RegisterJobDefinition")
    assert not ParamValidator().validate(table, model.input_shape).generate_report()


def trimming() -> ModuleType:
    """The script that trims the environment of an image."""
    spec = importlib.util.spec_from_file_location("trim", DOCKER / "trim.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_trimming_removes_what_no_run_reads(tmp_path: Path) -> None:
    kept = (
        "numpy/core.py",
        "openvino/libs/libopenvino_intel_cpu_plugin.so",
        "geoseg/models/zoo/a/model.onnx",
    )
    removed = (
        "numpy/core.pyi",
        "numpy/linalg/tests/test_a.py",
        "numpy/_core/include/a.h",
        "openvino/libs/libopenvino_intel_gpu_plugin.so",
        "onnxruntime/capi/libonnxruntime.so.1.32.0",
    )
    for name in (*kept, *removed):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("12345")
    assert trimming().trim(tmp_path) == 5 * len(removed)
    assert sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()
    ) == sorted(kept)


@pytest.mark.skipif(shutil.which("strip") is None, reason="strip of binutils is not installed")
def test_libraries_load_after_stripping(tmp_path: Path) -> None:
    """A file that is no library is left as it is, and so is one that `strip` would break."""
    module = trimming()
    name = ctypes.util.find_library("expat") or ctypes.util.find_library("z")
    if name is None:
        pytest.skip("no library to strip")
    source = next((path for path in Path("/").glob(f"*lib*/*/{name}")), None)
    if source is None:
        pytest.skip(f"{name} is elsewhere")
    shutil.copy(source, tmp_path / "a.so")
    (tmp_path / "b.so").write_text("no library")
    module.strip(tmp_path)
    assert module.loads(tmp_path / "a.so")
    assert (tmp_path / "b.so").read_text() == "no library"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.so", "b.so"]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_the_dockerfile_is_clean() -> None:
    subprocess.run(["hadolint", "--failure-threshold", "warning", DOCKER / "Dockerfile"], check=True)
