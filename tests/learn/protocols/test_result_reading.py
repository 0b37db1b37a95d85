"""Result files of other programs: what is wrong is named by file, line and column; percent and repeats."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from geoseg.errors import SceneError, SceneReadError
from geoseg.learn.protocols.result_reading import read_results
from geoseg.learn.protocols.result_rows import ResultRow, to_table

HEAD = "dataset,Metric,test metric,Seed,backbone,frozen_or_full_ft"
ROW = ResultRow(
    dataset="lakes", metric="mIoU", value=0.5, seed=3, backbone="resnet18", tuning="frozen", setting="10%",
    decoder="upernet", parameters={"lr": 0.001, "epochs": 80},
)  # fmt: skip


def write(path: Path, *lines: str, head: str = HEAD) -> Path:
    path.write_text("\n".join((head, *lines, "")))
    return path


def test_written_rows_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "results.csv"
    path.parent.mkdir()
    path.write_text(to_table([ROW]).to_csv())
    (read,) = read_results([path])
    assert (read.dataset, read.metric, read.value, read.seed) == ("lakes", "mIoU", 0.5, 3)
    assert (read.backbone, read.tuning, read.setting) == ("resnet18", "frozen", "10%")
    assert read.submission == "run"
    assert "epochs" in path.read_text()


@pytest.mark.parametrize(("mark", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), ("|", "utf-8")])
def test_tables_of_spreadsheets_are_read(tmp_path: Path, mark: str, encoding: str) -> None:
    text = f"{HEAD}\npastis,mIoU,0.5,1,a,frozen\n".replace(",", mark)
    text = text.replace("0.5", "0,5") if mark == ";" else text
    path = tmp_path / "made.csv"
    path.write_bytes((f"sep=|\n{text}" if mark == "|" else text).encode(encoding))
    (read,) = read_results([path])
    assert (read.dataset, read.value, read.seed) == ("pastis", 0.5, 1)


@pytest.mark.parametrize(
    ("lines", "error", "message"),
    [
        ((), SceneError, "made.csv: has no rows"),
        (("pastis,mIoU,,1,a,frozen",), SceneReadError, "made.csv, line 2: test metric is empty"),
        (
            ("pastis,mIoU,nan,1,a,frozen",),
            SceneReadError,
            "line 2: test metric is 'nan', not a finite number",
        ),
        (("pastis,mIoU,0.5,one,a,frozen",), SceneReadError, "Seed is 'one', not a whole number"),
        (("pastis,mIoU,0.5,1.5,a,frozen",), SceneReadError, "Seed is '1.5', not a whole number"),
        (("pastis,mIoU",), SceneReadError, "line 2: test metric is empty"),
        (("pastis,mIoU,0.5,1,a,frozen", ",mIoU,0.5,2,a,frozen"), SceneReadError, "line 3: dataset is empty"),
        (("pastis,mIoU,0.5,1,a",), SceneReadError, "line 2: frozen_or_full_ft is empty"),
        (("pastis,mIoU,120,1,a,frozen",), SceneError, "line 2: test metric of mIoU is 120, which is neither"),
        (("pastis,mIoU,-0.1,1,a,frozen",), SceneError, "line 2: test metric of mIoU is -0.1"),
        (
            ("pastis,mIoU,0.4,1,a,frozen", "pastis,mIoU,41,2,a,frozen"),
            SceneError,
            "mIoU is 0.4 in line 2 and 41 in line 3",
        ),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, lines: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_results([write(tmp_path / "made.csv", *lines)])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("made.csv", b"dataset,Metric\na,b\n", "the column 'test metric' is missing; give a result file"),
        (
            "made.csv",
            b"\x89PNG\r\n\x1a\n\x00\xff",
            "is not a table in UTF-8 or UTF-16",
        ),
        ("made.csv", b"", "has no rows; give a result file"),
        ("made.json", b"{}", "made.json: not a CSV file; give a result file"),
        ("missing.csv", None, "missing.csv: does not exist; check the path"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((SceneError, SceneReadError), match=message):
        read_results([path])
    with pytest.raises(SceneReadError, match="not a CSV file"):
        read_results([tmp_path])


def test_scores_in_percent_become_fractions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = (
        "a,mIoU,52.5,1,b,frozen",
        "a,mIoU,0,2,b,frozen",
        "a,mF1,0.5,1,b,frozen",
        "a,loss,3.5,1,b,frozen",
        "a,MAPE,140,1,b,frozen",
    )
    with caplog.at_level(logging.WARNING):
        rows = read_results([write(tmp_path / "made.csv", *lines)])
    assert [row.value for row in rows] == [0.525, 0.0, 0.5, 3.5, 140]
    assert "mIoU in percent; divided by 100" in caplog.text


def test_a_result_that_is_repeated_counts_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = (
        "a,mIoU,0.5,1,b,frozen",
        "a,mIoU,0.6,2,b,frozen",
        "a,mIoU,0.5,1,b,frozen",
        "a,mIoU,0.7,2,b,frozen",
    )
    with caplog.at_level(logging.WARNING):
        rows = read_results([write(tmp_path / "made.csv", *lines)])
    assert [row.value for row in rows] == [0.5, 0.6, 0.7]
    assert "lines 4 (as 2) repeat a result" in caplog.text
    assert "lines 5 (as 3) repeat the seed of another line with a different score" in caplog.text


def test_regions_that_are_left_out_are_no_repeats(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = ("a,mIoU,0.5,1,b,frozen,east", "a,mIoU,0.5,1,b,frozen,west")
    with caplog.at_level(logging.WARNING):
        rows = read_results([write(tmp_path / "made.csv", *lines, head=f"{HEAD},left_out")])
    assert len(rows) == 2
    assert not caplog.records


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "same.csv" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        write(path, "pastis,mIoU,0.5,1,a,frozen")
    with pytest.raises(SceneError, match="rename"):
        read_results(paths)
