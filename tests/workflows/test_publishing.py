"""What is published states the same version and dependencies."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

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


def test_the_entry_point_is_that_of_the_wheel() -> None:
    (line,) = RECIPE["build"]["python"]["entry_points"]
    name, _, target = line.partition(" = ")
    assert PROJECT["scripts"] == {name: target}


def test_no_address_of_an_index_is_published() -> None:
    for path in (*ROOT.glob("docker/**/*"), *ROOT.glob("docs/*.md"), ROOT / "README.md"):
        if path.is_file():
            assert not re.search(r"https?://[^\s)]*/simple\b", path.read_text(errors="replace")), path
