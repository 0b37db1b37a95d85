"""What is published states the same version and dependencies."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import yaml
from geoseg.cli.doctor import OPTIONAL

import geoseg

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RECIPE = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())


def test_versions_agree() -> None:
    assert PROJECT["version"] == geoseg.__version__ == RECIPE["context"]["version"]


def test_the_conda_recipe_has_the_dependencies_of_the_core() -> None:
    """But OpenVINO, an alternative to onnxruntime on one kind of processor."""
    core = {re.sub(r"\[.*?\]|;.*", "", item).replace(">=", " >=").strip() for item in PROJECT["dependencies"]}
    core = {item for item in core if not item.startswith("openvino")}
    assert {item for item in RECIPE["requirements"]["run"] if not item.startswith("python ")} == core
    assert f"python {PROJECT['requires-python']}" in RECIPE["requirements"]["run"]


def test_a_release_is_what_make_dist_checks() -> None:
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    commands = [step.get("run") for step in release["jobs"]["build"]["steps"]]
    assert {"make test", "make dist"} <= set(commands)
    assert release["jobs"]["publish"]["needs"] == "build"
    assert "twine check --strict dist/*" in (ROOT / "Makefile").read_text()


def test_the_page_of_installation_names_all_extras() -> None:
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    unsaid = {name for name in PROJECT["optional-dependencies"] if f"`{name}`" not in page}
    assert unsaid <= {"torchgeo"}  # of geoseg bench import, which says so itself


def test_remedies_of_doctor_are_commands_that_work() -> None:
    """Each names an extra that brings the package."""
    brought = {
        name: {re.split(r"[><=\[;]", item)[0] for item in packages}
        for name, packages in PROJECT["optional-dependencies"].items()
    }
    for package, text in OPTIONAL.items():
        pip, install, target = shlex.split(text.rpartition(": ")[2])
        assert (pip, install) == ("pip", "install")
        assert package in brought[target.removeprefix("geoseg[").removesuffix("]")]


def test_the_entry_point_is_that_of_the_wheel() -> None:
    (line,) = RECIPE["build"]["python"]["entry_points"]
    name, _, target = line.partition(" = ")
    assert PROJECT["scripts"] == {name: target}


def test_no_address_of_an_index_is_published() -> None:
    for path in (*ROOT.glob("docker/**/*"), *ROOT.glob("docs/*.md"), ROOT / "README.md"):
        if path.is_file():
            assert not re.search(r"https?://[^\s)]*/simple\b", path.read_text(errors="replace")), path
