"""The complete example of docs/train.md, as a reader copies it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from geoseg.learn.samples import find_samples, sample_windows, split
from geoseg.learn.train.config import read_config

PAGE = Path(__file__).parents[3] / "docs" / "train.md"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the set and the config of the page, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (config,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    exec(compile(script, str(PAGE), "exec"), {})
    (tmp_path / "lakes.yaml").write_text(config, encoding="utf-8")
    return tmp_path


def test_the_config_finds_its_set(example: Path) -> None:
    spec = read_config(str(example / "lakes.yaml"))
    roles = split(sample_windows(find_samples(spec.data), spec.data), spec.split)
    assert {name: len(windows) for name, windows in roles.items()} == {"train": 4, "val": 2, "test": 2}


@pytest.mark.slow
def test_the_example_trains(example: Path) -> None:
    pytest.importorskip("lightning", reason="the extra `train` is not installed")
    call = [sys.executable, "-m", "geoseg", "train", "lakes.yaml", "-o", "runs/lakes", "--threads", "2"]
    done = subprocess.run(call, check=False, capture_output=True, text=True, cwd=example)
    assert done.returncode == 0, done.stderr
    score = re.search(r"IoU on val (0\.\d+)", done.stdout)
    assert score is not None
    assert float(score[1]) > 0.8
