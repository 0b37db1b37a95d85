"""A report: tables, charts and pictures; as text, and as an HTML page with JSON and CSV files."""

from __future__ import annotations

import csv
import io
import json
import math
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import jinja2
from markupsafe import Markup, escape
from pydantic import JsonValue

import geoseg
from geoseg.files.output_files import write_together
from geoseg.outputs.map_sheet import PRINTED_ROWS, MapSheet, script_hash, viewer_script
from geoseg.text_columns import align

PAGE = "report.html"
TEMPLATE = "report.html.jinja"
UNKNOWN = "–"
"""Text of an unknown number."""
NO_CHARTS = "The charts are left out, since matplotlib is not installed: pip install 'geoseg[report]'"

Cell = str | int | float | None
"""Value of a table; NaN and None: unknown."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    unit: str = ""
    form: str = ""
    """Format specification of the numbers, as in `format()`."""

    @property
    def heading(self) -> str:
        """Return the name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def text(self, cell: Cell) -> str:
        """Format a cell for reading."""
        if isinstance(cell, str):
            return cell
        if cell is None or math.isnan(cell):
            return UNKNOWN
        return format(cell, self.form)


def columns(*names: str) -> tuple[Column, ...]:
    """Return columns without unit and format."""
    return tuple(Column(name) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under headings; the first column names the row."""

    title: str = ""
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    def formatted(self) -> list[list[str]]:
        """Return the formatted cells."""
        return [[col.text(cell) for col, cell in zip(self.columns, row, strict=True)] for row in self.rows]

    def to_csv(self) -> str:
        """Return names and unformatted cells as CSV; empty where a cell is None."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in self.columns])
        writer.writerows(self.rows)
        return file.getvalue()

    def to_text(self) -> str:
        """Return aligned lines for a terminal."""
        rows = [[column.heading for column in self.columns], *self.formatted()]
        return align(rows, right=range(1, len(self.columns)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line of a chart."""

    name: str
    points: Sequence[tuple[float, float]]
    """x and y in order of x; points that are not finite are omitted."""
    markers: bool = False
    """Whether each point is marked."""
    guide: bool = False
    """Whether it is a reference line, drawn in grey, and not data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over common axes."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    x_range: tuple[float, float] | None = None
    """None: range of the points."""
    y_range: tuple[float, float] | None = None
    log_x: bool = False
    """Whether the x axis is logarithmic; every x is then above 0."""
    integer_x: bool = False
    """Whether x is a count, with whole numbers as ticks."""

    @property
    def empty(self) -> bool:
        """Return whether the chart has no points."""
        return not any(math.isfinite(x + y) for line in self.series for x, y in line.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image with a caption."""

    png: bytes
    """The file; JPEG, where `media_type` says so."""
    caption: str
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report under one heading; empty tables and charts are omitted."""

    title: str = ""
    text: str = ""
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report of an evaluation or a map."""

    title: str
    summary: str
    """One paragraph: the measurement and its data."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Inputs and parameters by name."""
    warnings: Sequence[str] = ()
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    """Footnotes: definitions and citations."""
    json_name: str = "scores.json"
    data: Mapping[str, JsonValue]
    """Every number, for programs; null: unknown."""
    sheet: MapSheet | None = None
    """Of the report of a map; None: of an evaluation."""
    csv: Mapping[str, Table] = field(default_factory=dict)
    """Tables that are written as CSV, by file name."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Further text files, such as charts as SVG, by name."""

    @property
    def lacks_charts(self) -> bool:
        """Return whether the page omits charts, because matplotlib is not installed."""
        charts = any(not chart.empty for section in self.sections for chart in section.charts)
        return charts and find_spec("matplotlib") is None


def to_text(report: Report) -> str:
    """Return summary, tables and notes for a terminal."""
    parts = [report.summary]
    for section in report.sections:
        if tables := [table for table in section.tables if table.rows]:
            parts.append(section.title)
            for table in tables:
                parts += [table.title, table.to_text()]
    return "\n\n".join(part for part in (*parts, *report.notes) if part)


def to_html(report: Report) -> str:
    """Return the HTML page, which needs no other file and no network; scripts only pan and zoom maps."""
    charts = not report.lacks_charts
    return _template().render(
        report=report,
        version=geoseg.__version__,
        script=viewer_script(),
        script_hash=script_hash(),
        printed_rows=PRINTED_ROWS,
        jpeg_uri=lambda content: _data_uri("image/jpeg", content),
        no_charts="" if charts else NO_CHARTS,
        charts_of=_chart_images if charts else lambda _: (),
        png_uri=lambda picture: _data_uri(picture.media_type, picture.png),
    )


def write(
    report: Report,
    folder: Path | None,
    *,
    page: Path | None = None,
    finished: Mapping[Path, Path] | None = None,
    overwrite: bool = True,
) -> tuple[Path, ...]:
    """Write `report.html`, and the numbers as JSON and CSV, into a folder; return the paths.

    Args:
        report: what to write.
        folder: is made where it does not exist.
        page: a file for the HTML page alone.
        finished: other files of the run, by the path that each is moved to together with those of the report.
        overwrite: whether existing files are replaced.

    Raises:
        OutputError: a file cannot be written, or exists without `overwrite`; then none is.
    """
    html = to_html(report)
    texts = {
        PAGE: html,
        report.json_name: json.dumps(dict(report.data), indent=2, allow_nan=False) + "\n",
        **{name: table.to_csv() for name, table in report.csv.items()},
        **report.files,
    }
    named = {folder / name: text for name, text in texts.items()} if folder is not None else {}
    # The page may be that of the folder.
    if page is not None and page.resolve() not in {path.resolve() for path in named}:
        named[page] = html
    write_together(named, finished=finished, overwrite=overwrite)
    return tuple(named)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("geoseg", "outputs"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["marked"] = _marked
    return environment.get_template(TEMPLATE)


def _marked(text: str) -> Markup:
    """Return a text as HTML, with options and commands, which stand between backticks, as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its other one
        return escape(text)
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if at % 2 else part for at, part in enumerate(parts))


def _chart_images(section: Section) -> Iterator[tuple[str, str]]:
    """Yield the address and the alternative text of each chart."""
    for chart in section.charts:
        if not chart.empty:
            from geoseg.outputs.charts import draw_svg  # noqa: PLC0415 - matplotlib, an optional package

            yield _data_uri("image/svg+xml", draw_svg([chart]).encode()), f"Chart: {chart.title}"


def json_value(value: object, digits: int | None = 5) -> JsonValue:
    """Return a value of JSON: tuples become lists, floats are rounded to `digits` decimals, NaN becomes null.

    Raises:
        TypeError: JSON has no such value.
    """
    if isinstance(value, Mapping):
        return {str(key): json_value(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item, digits) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return float(value) if digits is None else round(float(value), digits)
    if value is None or isinstance(value, int | str):
        return value
    raise TypeError(f"JSON has no {type(value).__name__}")


def _data_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}"
