"""Find the image and label files of samples, by patterns or by a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyogrio.raw

from geoseg.errors import SceneError
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.files.text_tables import SUFFIXES, read_table
from geoseg.learn.samples.sample_spec import DataSpec
from geoseg.scenes.vector_files import reading_vector

ROLES: Mapping[str, str] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
"""Parts of a split, by the names that folders use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A labelled image: one image file for each date, and a label file."""

    id: str
    images: tuple[Path, ...]
    """In the order of `DataSpec.images`."""
    label: Path
    layers: tuple[Path, ...] = ()
    """In the order of `DataSpec.layers`."""
    region: str = ""
    split: str = ""
    """`train`, `val` or `test`, from a column of a table or `{split}` of a pattern; empty: not stated."""
    doubtful: bool = False
    """Whether the label contradicts the image; the sample is then excluded from training."""


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sort key that places `10` after `9`."""
    parts = re.split(r"(\d+)", text)
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts if part)


def find_samples(data: DataSpec) -> tuple[Sample, ...]:
    """Return the labelled images in natural order of their ids.

    Raises:
        SceneReadError: a table cannot be read.
        SceneError: there is no labelled image, or an image has no label.
    """
    samples: dict[str, Sample] = {}
    for sample in _from_table(data) if data.table else _from_patterns(data):
        if sample.id in samples:
            raise SceneError(
                f"{sample.images[0]} and {samples[sample.id].images[0]} have the same id {sample.id}"
            )
        samples[sample.id] = sample
    if not samples:
        where = data.table or data.root / data.images[0].files
        lack = (
            "no labelled image was found" if data.root.exists() else f"the folder {data.root} does not exist"
        )
        raise SceneError(f"{where}: {lack}; check data.root, or set it with `--data FOLDER`")
    for name in (*data.only, *data.without, *data.doubtful):
        if name not in samples:
            raise SceneError(
                f"{data.root}: no sample has the id {name!r}, which only, without or doubtful lists"
            )
    chosen = [
        s for s in samples.values() if s.id not in data.without and (not data.only or s.id in data.only)
    ]
    if not chosen:
        raise SceneError(f"{data.root}: `without` lists every labelled image, so none is left")
    chosen = [replace(s, doubtful=s.id in data.doubtful) for s in chosen]
    return tuple(sorted(chosen, key=lambda sample: natural(sample.id)))


def _from_patterns(data: DataSpec) -> Iterator[Sample]:
    """Match every pattern, and join images and labels that have equal `{region}` and `{id}`."""
    images = [_matches(data.root, image.files) for image in data.images]
    labels = _matches(data.root, data.labels.files)
    only = next(iter(labels.values())) if list(labels) == [("", "")] else None
    repeated = Counter(name for _, name in images[0])
    layers = {name: _matches(data.root, pattern) for name, pattern in data.layers.items()}
    for key, first in images[0].items():
        others = [matches.get(key) for matches in images[1:]]
        label = labels.get(key) or only
        region, name = key
        if label is None or None in others:
            what = "label" if label is None else "second image"
            raise SceneError(
                f"{first.path} has no {what} ({data.labels.files}); add the file, or list the id under "
                f"data.without"
            )
        files = (first, *(other for other in others if other is not None))
        beside = {layer: matches.get(key) for layer, matches in layers.items()}
        lacking = next((layer for layer, found in beside.items() if found is None), None)
        if lacking is not None:
            raise SceneError(
                f"{first.path} has no layer {lacking} ({data.layers[lacking]}); add the file, or list the id "
                f"under data.without"
            )
        yield Sample(
            # Names of places may begin with their region and repeat in another.
            id=f"{region}/{name}" if repeated[name] > 1 else name,
            images=tuple(file.path for file in files),
            label=label.path,
            layers=tuple(found.path for found in beside.values() if found is not None),
            region=region,
            split=_role([file.split for file in (*files, label)], first.path),
        )


def _role(names: Sequence[str], path: Path) -> str:
    """Return the part of the split that folders or file names state; empty: none."""
    stated = {ROLES.get(name.lower(), name) for name in names if name}
    if len(stated) > 1:
        raise SceneError(f"{path}: image and label state the parts {' and '.join(sorted(stated))}")
    role = next(iter(stated), "")
    if role and role not in ROLES.values():
        raise SceneError(f"{path}: {{split}} is {role!r}, not one of {', '.join(ROLES)}")
    return role


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """A file or folder that matches a pattern."""

    path: Path
    split: str
    """Value of `{split}`."""


def _matches(root: Path, pattern: str) -> dict[tuple[str, str], _Match]:
    """Return the files that match a pattern, by the values of `{region}` and `{id}`."""
    parts = re.split(r"(\{id\}|\{region\}|\{split\}|\*\*/|\*)", pattern)
    seen: set[str] = set()
    expression = ""
    for part in parts:
        if part in {"{id}", "{region}", "{split}"}:
            name = part[1:-1]
            expression += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)"
            seen.add(name)
        else:
            expression += {"**/": "(?:.*/)?", "*": "[^/]*"}.get(part, re.escape(part))
    glob = re.sub(r"\{(id|region|split)\}", "*", pattern)
    matches: dict[tuple[str, str], _Match] = {}
    for path in sorted(root.glob(glob)):
        match = re.fullmatch(expression, path.relative_to(root).as_posix())
        if match is not None:
            groups = match.groupdict()
            key = (groups.get("region", ""), groups.get("id", ""))
            if key in matches:
                raise SceneError(
                    f"{path} and {matches[key].path} have the same id {'/'.join(filter(None, key))}"
                )
            matches[key] = _Match(path=path, split=groups.get("split", ""))
    return matches


def _from_table(data: DataSpec) -> Iterator[Sample]:
    """Yield the samples of a CSV or vector file, whose paths are relative to the root."""
    path = data.root / (data.table or "")

    def file_of(row: Mapping[str, str], number: int, column: str) -> Path:
        if not row[column]:
            raise SceneError(f"{path}, row {number}: {column} is empty")
        return data.root / row[column]

    for number, row in enumerate(table_rows(path), start=1):
        try:
            names = ["image", *(f"image:{image.prefix}" for image in data.images[1:])]
            yield Sample(
                id=row.get("id") or Path(row["image"]).stem,
                images=tuple(file_of(row, number, name) for name in names),
                label=file_of(row, number, "label"),
                layers=tuple(file_of(row, number, f"layer:{name}") for name in data.layers),
                region=row.get("region", ""),
                split=row.get("split", ""),
            )
        except KeyError as error:
            raise SceneError(f"{path}, row {number}: the column {error.args[0]!r} is missing") from error


SAMPLE_TABLE = "give a table of samples: CSV or a vector file"


def table_rows(path: Path, *, hint: str = SAMPLE_TABLE) -> Iterator[Mapping[str, str]]:
    """Yield the rows of a table of text or a vector file as text; a missing value is empty.

    Tables are read as by `geoseg.files.text_tables.read_table`; numbers with decimal commas get points.

    Args:
        path: the file.
        hint: what to give instead of a file that cannot be read.

    Raises:
        SceneReadError: the file cannot be read.
    """
    opened(path)
    with opening(path, hint):
        if path.suffix.lower() in SUFFIXES:
            text = read_table(path)
            # Cells beyond the columns, and columns without a name, are no values.
            names = [name for name in text.names if name]
            yield from ({name: text.plain(row[name]) for name in names} for row in text.rows)
            return
        with reading_vector(path) as file:
            meta, _, _, values = pyogrio.raw.read(file, read_geometry=False)
    names = [str(name) for name in meta["fields"]]
    for row in zip(*(cells.tolist() for cells in values), strict=True):
        # NaN is not equal to itself.
        yield {
            name: "" if cell is None or cell != cell else str(cell)  # noqa: PLR0124
            for name, cell in zip(names, row, strict=True)
        }
