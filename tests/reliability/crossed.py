"""Every kind of file in every place of a command where a file is named.

python -m tests.reliability.crossed [--every 3] [--jobs 2]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.reliability.campaign import Case, case_of, lay_out, make_corpus, run_cases, warm
from tests.reliability.subjects import SUBJECTS, Subject

FILES = {
    "scene/hand.tif": "float.tif", "classes/classes.png": "classes.png",
    "classes/classes.img": "envi.img", "polygons/area.gpkg": "area.gpkg",
    "polygons/area.fgb": "area.fgb", "polygons/area.geojson": "area.geojson",
    "arrays/scene.h5": "scene.h5", "arrays/scene.nc": "scene.nc", "bare/net.onnx": "net.onnx",
    "model/model/model.json": "model.json", "stac/item.json": "item.json", "plume/wind.grib2": "wind.grib2",
    "plume/wind.zip": "wind.zip", "landsat/product.tar": "product.tar", "training/train.yaml": "train.yaml",
    "points/points.csv": "points.csv", "points/map.tif": "map.tif", "safe/product.zip": "product.zip",
}  # fmt: skip
"""Files of the corpus, and their names here."""


def write_files(corpus: Path, folder: Path) -> None:
    """Copy the files of the corpus into a folder, and write some that are nothing."""
    folder.mkdir()
    for source, name in FILES.items():
        shutil.copy(corpus / source, folder / name)
    (folder / "list.json").write_text("[]")
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "number.yaml").write_text("7")
    (folder / "text.txt").write_text("text\n")
    (folder / "empty.tif").write_bytes(b"")
    (folder / "folder").mkdir()
    (folder / "texts").mkdir()
    (folder / "texts" / "readme.md").write_text("text\n")


def places() -> Iterator[tuple[Subject, int]]:
    """Yield commands with the position of an argument that names an input, each place of a command once."""
    seen = set()
    for subject in SUBJECTS:
        for index, word in enumerate(subject.command):
            if word.startswith("in/"):
                before = subject.command[index - 1]
                command = tuple(part for part in subject.command[:2] if not part.startswith("in/"))
                place = (*command, before if before.startswith("-") else index)
                if place not in seen:
                    seen.add(place)
                    yield subject, index


def crossed(work: Path, *, every: int, jobs: int) -> list[Case]:
    """Run every so manieth combination of a place and a file."""
    corpus = work / "corpus"
    make_corpus(corpus)
    write_files(corpus, work / "files")
    warm()
    names = sorted(path.name for path in (work / "files").iterdir())
    pairs = [(subject, index, name) for subject, index in places() for name in names][::every]

    def cases() -> Iterator[tuple[Case, Path]]:
        for number, (subject, index, name) in enumerate(pairs):
            folder = work / f"case_{number}"
            lay_out(subject, corpus, folder)
            source, target = work / "files" / name, folder / "in" / f"other_{name}"
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
            command = [*subject.command]
            command[index] = f"in/other_{name}"
            case = replace(case_of(number, subject), file=name, mutation="other file", command=tuple(command))
            yield case, folder

    return run_cases(cases(), jobs)


def main() -> None:
    """Run the combinations and print those that broke a promise; exit 1 if there are any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    work = given.keep or Path(tempfile.mkdtemp(prefix="crossed-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        cases = crossed(work, every=given.every, jobs=given.jobs)
    finally:
        if not given.keep:
            shutil.rmtree(work, ignore_errors=True)
    broken = sum(bool(case.faults) for case in cases)
    print(f"{len(cases)} combinations, {broken} broke a promise")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
