"""Inputs made to harm, each in a forked process as in the campaign; none of them is chosen by chance.

python -m tests.reliability.hostile [--every 5] [--offset 2] [--kind GeoTIFF] [--jobs 2]
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.reliability import (
    corpus,
    hostile_archives,
    hostile_arrays,
    hostile_bundles,
    hostile_places,
    hostile_products,
    hostile_tables,
    hostile_tiff,
)
from tests.reliability.campaign import (
    Case,
    case_of,
    in_child,
    lay_out,
    make_corpus,
    run_and_exit,
    run_cases,
    warm,
)
from tests.reliability.subjects import (
    BATCH,
    FIT,
    FLOOD,
    L8,
    OUT,
    SAFE,
    SEGMENT,
    SENSOR,
    SITES,
    SUBJECTS,
    Subject,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A command, and what is done to one of its inputs before."""

    subject: Subject
    what: str
    change: Callable[[Path], object]


PLUME = f"methane plume in/after --reference in/before {OUT} --view-zenith 5 --sun-zenith 20"
OPENVINO = f"{SEGMENT} in/model/model.onnx --runtime openvino"
ARRAY = f"flood in/scene.nc {OUT} --method classical {SENSOR}"
ITEM = "batch flood in/item.json -o out/maps --method classical --jobs 1"
Changes = Mapping[str, Callable[[Path], object]]
Make = Callable[[Path], None]

ROWS: tuple[tuple[str, Make, str, tuple[str, ...], Changes], ...] = (
    (
        "GeoTIFF",
        corpus.write_classes,
        "classes.tif",
        (f"vectorize in/classes.tif {OUT}", "info in/classes.tif --json"),
        hostile_tiff.KINDS,
    ),
    ("netCDF", corpus.write_arrays, "scene.nc", (ARRAY, "info in/scene.nc"), hostile_arrays.KINDS),
    ("HDF5", corpus.write_arrays, "scene.h5", ("info in/scene.h5",), hostile_arrays.KINDS),
    (
        "zip",
        corpus.write_safe,
        "product.zip",
        (f"flood in/product.zip {OUT} --method classical", "info in/product.zip"),
        hostile_archives.ZIPS,
    ),
    ("zip", corpus.write_plume, "wind.zip", (f"{PLUME} --wind in/wind.zip",), hostile_archives.ZIPS),
    (
        "tar",
        corpus.write_landsat,
        "product.tar",
        (f"flood in/product.tar {OUT} --method classical", "info in/product.tar"),
        hostile_archives.TARS,
    ),
    (
        "ONNX",
        corpus.write_model,
        "model",
        (
            f"{SEGMENT} in/model",
            "models check in/model",
            OPENVINO,
            "models describe in/model/model.onnx -o out/described",
        ),
        hostile_bundles.NETWORKS,
    ),
    (
        "description",
        corpus.write_model,
        "model",
        (f"{SEGMENT} in/model --raster out/map.tif --picture out/map.png", "models show in/model"),
        hostile_bundles.DESCRIPTIONS,
    ),
    ("description", corpus.write_sites, "model", (SITES,), hostile_bundles.DESCRIPTIONS),
    (
        "GeoPackage",
        corpus.write_polygons,
        "area.gpkg",
        (f"{FLOOD} --aoi in/area.gpkg", "info in/area.gpkg"),
        hostile_tables.GEOPACKAGES,
    ),
    ("table of scenes", corpus.write_scenes, "scenes.csv", (BATCH,), hostile_tables.SCENES),
    ("table of labels", corpus.write_labels, "labels.csv", (FIT,), hostile_tables.LABELS),
    ("style", corpus.write_classes, "styled.qml", (f"vectorize in/styled.tif {OUT}",), hostile_tables.STYLES),
    (
        "STAC item",
        corpus.write_stac,
        "item.json",
        (f"flood in/item.json {OUT} --method classical", ITEM, "info in/item.json"),
        hostile_products.ITEMS,
    ),
    (
        "product",
        corpus.write_safe,
        SAFE,
        (f"flood in/{SAFE} {OUT} --method classical", f"info in/{SAFE}"),
        hostile_products.PRODUCTS,
    ),
    (
        "product",
        corpus.write_landsat,
        L8,
        (f"flood in/{L8} {OUT} --method classical",),
        hostile_products.PRODUCTS,
    ),
)
"""Kind, inputs, the one that is changed, commands, changes."""


def in_place(change: Callable[[Path], object], path: Path) -> object:
    """Change the first file that a pattern finds."""
    root = next(parent for parent in path.parents if parent.name == "in")
    return change(min(root.glob(path.relative_to(root).as_posix())))


PLACED = (
    *SUBJECTS,
    Subject(
        name="zones",
        kind="GeoJSON",
        target="area.geojson",
        command=tuple(shlex.split(f"{FLOOD} --zones in/area.geojson")),
        make=corpus.write_polygons,
    ),
    Subject(
        name="vectorize",
        kind="FlatGeobuf",
        target="area.fgb",
        command=tuple(shlex.split(f"vectorize in/area.fgb {OUT}")),
        make=corpus.write_polygons,
    ),
    Subject(
        name="batch",
        kind="table of scenes",
        target="scenes.csv",
        command=tuple(shlex.split(BATCH)),
        make=corpus.write_scenes,
    ),
)
"""Commands whose inputs are replaced."""


def all_cases() -> list[Hostile]:
    """Return every damage with every command; places last, so that numbers of the others stay."""
    placed = [
        Hostile(subject=replace(subject, kind="place"), what=what, change=partial(in_place, change))
        for what, change in hostile_places.PLACES.items()
        for subject in PLACED
    ]
    return [*_made(), *placed]


def _made() -> list[Hostile]:
    return [
        Hostile(
            subject=Subject(
                name=command.split()[0],
                kind=kind,
                target=target,
                command=tuple(shlex.split(command)),
                make=make,
            ),
            what=what,
            change=change,
        )
        for kind, make, target, commands, changes in ROWS
        for what, change in changes.items()
        for command in commands
    ]


def hostile(work: Path, chosen: list[tuple[int, Hostile]], *, jobs: int) -> list[Case]:
    """Run cases in an empty folder."""
    base = work / "corpus"
    make_corpus(base, list(dict.fromkeys(item.subject.make for _, item in chosen)))
    warm()

    def cases() -> Iterator[tuple[Case, Path]]:
        for number, item in chosen:
            folder = work / f"case_{number}"
            lay_out(item.subject, base, folder)
            in_child(partial(item.change, folder / "in" / item.subject.target))
            yield replace(case_of(number, item.subject), file=item.subject.target, mutation=item.what), folder

    done = run_cases(cases(), jobs)
    slipped = sorted(
        path.name for path in work.iterdir() if path.name != "corpus" and not path.name.startswith("case_")
    )
    if slipped or Path("/tmp/slipped.tif").exists():
        raise SystemExit(f"written outside the folder of a case: {', '.join(slipped)}")
    return done


def main() -> None:
    """Run the cases and print those that broke a promise; exit 1 if there are any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0, help="the first case, with --every")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kind", help="of the input")
    parser.add_argument("--only", type=int, nargs="*", default=[], help="numbers of the cases to run")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    numbered = list(enumerate(all_cases()))
    if given.kind:
        numbered = [pair for pair in numbered if pair[1].subject.kind == given.kind]
    chosen = (
        [pair for pair in numbered if pair[0] in given.only]
        if given.only
        else numbered[given.offset :: given.every]
    )
    run_and_exit(lambda work: hostile(work, chosen, jobs=given.jobs), given.keep)


if __name__ == "__main__":
    main()
