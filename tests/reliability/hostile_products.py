"""STAC items and folders of products made to harm: names elsewhere, rings, links, pipes, missing files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

Change = Callable[[Path], None]


def told(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON document."""
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def _id(value: str) -> Change:
    """Return a change of the id."""
    return partial(told, change=lambda table: table.update(id=value))


def _every_href(href: str) -> Change:
    def change(table: dict[str, Any]) -> None:
        for asset in table["assets"].values():
            asset["href"] = href

    return partial(told, change=change)


def _catalogue(path: Path, links: Sequence[Mapping[str, str]]) -> None:
    """Write a catalogue of links in the place of an item."""
    path.write_text(
        json.dumps(
            {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "c", "links": list(links)}
        )
    )


def ring(path: Path) -> None:
    """Write catalogues whose links form a ring."""
    for name, other in ((path.name, "b.json"), ("b.json", "c.json"), ("c.json", path.name)):
        _catalogue(
            path.with_name(name),
            [{"rel": rel, "href": f"./{other}"} for rel in ("child", "next", "item", "self")],
        )


def tree(path: Path) -> None:
    """Write a catalogue in which every catalogue has forty times the next one."""
    for level in range(12):
        name = path.name if level == 0 else f"level{level}.json"
        links = [{"rel": "child", "href": f"./level{level + 1}.json?{number}"} for number in range(20)]
        links += [{"rel": "child", "href": f"level{level + 1}.json"}] * 20
        _catalogue(path.with_name(name), links)


ITEMS: Mapping[str, Change] = {
    **{
        f"assets at {href[:30]!r}": _every_href(href)
        for href in (
            "/etc/passwd",
            "../../secret.tif",
            "file:///etc/passwd",
            "file://../../x",
            "http://127.0.0.1:9/x.tif",
            "/vsicurl/http://127.0.0.1:9/x.tif",
            "/vsistdin/",
            "/vsizip/x.zip",
            "item.json",
            "",
            ".",
            "\0",
            "a\nb",
            "x" * 100_000,
            "<VRTDataset/>",
            "GTIFF_RAW:x",
            "s3://bucket/x.tif",
            "\\\\server\\x.tif",
            "/dev/zero",
            "data:image/tiff;base64,SUkqAA==",
            "javascript:1",
            "//127.0.0.1:9/x.tif",
            "B02.tif#x",
            "B02.tif?x=1",
        )
    },
    **{
        f"id {value[:20]!r}": _id(value)
        for value in ("../../slipped", "\0", "a\nb", "x" * 5000, "", "/tmp/slipped", "\ud800", "{scene}")
    },
    "very many assets": partial(
        told,
        change=lambda table: table["assets"].update(
            {f"a{number}": {"href": f"{number}.tif", "roles": ["data"]} for number in range(30_000)}
        ),
    ),
    "transform of NaN": partial(
        told,
        change=lambda table: [
            a.update({"proj:transform": [float("nan")] * 6}) for a in table["assets"].values()
        ],
    ),
    "scales of no sense": partial(
        told,
        change=lambda table: [
            a.update({"raster:bands": [{"scale": value, "offset": value, "nodata": "x"}]})
            for a, value in zip(table["assets"].values(), (1e308, -1e308, 0, "x", None, 1e-320), strict=False)
        ],
    ),
    "very many bands": partial(
        told,
        change=lambda table: [
            a.update({"eo:bands": [{"name": "red"}] * 20_000}) for a in table["assets"].values()
        ],
    ),
    "dates of no sense": partial(
        told,
        change=lambda table: table["properties"].update(datetime="9999-99-99T99:99:99Z", start_datetime=-1),
    ),
    "ring of catalogues": ring,
    "tree of catalogues": tree,
}


def without(folder: Path, pattern: str) -> None:
    """Remove files of a product."""
    for path in sorted(folder.rglob(pattern)):
        if path.is_file():
            path.unlink()


def linked(folder: Path, pattern: str, target: str) -> None:
    """Put links in the place of files of a product."""
    for path in sorted(folder.rglob(pattern)):
        if path.is_file():
            path.unlink()
            path.symlink_to(target)


def looped(folder: Path) -> None:
    """Put links to the folder itself into every folder of a product."""
    for path in [folder, *sorted(item for item in folder.rglob("*") if item.is_dir())]:
        (path / "again").symlink_to(folder.resolve(), target_is_directory=True)


def pipes(folder: Path, pattern: str) -> None:
    """Put pipes in the place of files of a product."""
    for path in sorted(folder.rglob(pattern)):
        if path.is_file():
            path.unlink()
            os.mkfifo(path)


PRODUCTS: Mapping[str, Change] = {
    "no green": partial(without, pattern="*_B03*"),
    "no bands": partial(without, pattern="*_B*"),
    "no texts": partial(without, pattern="*.xml"),
    "no quality": partial(without, pattern="*SCL*"),
    "nothing": partial(without, pattern="*"),
    "bands are devices": partial(linked, pattern="*_B*", target="/dev/zero"),
    "bands are links to themselves": partial(linked, pattern="*_B0*", target="."),
    "texts are memory": partial(linked, pattern="*.xml", target="/proc/self/mem"),
    "texts are links to a list": partial(linked, pattern="*.xml", target="/etc/passwd"),
    "bands are pipes": partial(pipes, pattern="*_B*"),
    "texts are pipes": partial(pipes, pattern="*.xml"),
    "links to itself": looped,
}
"""Changes of an item and of a product by what is wrong afterwards."""
