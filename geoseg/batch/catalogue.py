"""The catalogue of a batch: a STAC 1.1 collection with an item for each map.

Plain JSON, so that it needs no package. Items state the processing extension (v1.1.0). Maps by a network
also carry what the MLM extension recommends for products of a model: `mlm:name`, level L4, an expression and
a link to the model's own item. They do not declare that extension, whose schema describes models.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import shapely

import geoseg
from geoseg.batch.degrees import bounds_of
from geoseg.batch.naming import COLLECTION, STAC, STAC_MODELS
from geoseg.batch.outcome import Outcome, OutputFile
from geoseg.batch.tables import with_absolute_hrefs
from geoseg.bundles.find import description_of
from geoseg.errors import GeosegError
from geoseg.files.bounded import parse_json, read_text
from geoseg.files.media import MEDIA
from geoseg.files.network import needs_network
from geoseg.scenes.product import iso_time
from geoseg.scenes.stac_documents import split_name

VERSION = "1.1.0"
PROCESSING = "https://stac-extensions.github.io/processing/v1.1.0/schema.json"

STYLES = ("style", "raster-style", "scores-style")
ROLES = {
    **{"output": ["data"], "picture": ["overview"], "scene": ["metadata"]},
    **{role: ["style"] for role in STYLES},
}
EARLIEST = "1900-01-01T00:00:00Z"
"""Begin of the interval of items without acquisition time: STAC allows no time only with an interval."""
WORLD = [-180.0, -90.0, 180.0, 90.0]

Table = dict[str, Any]


def catalogue(task: str, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return the files of the catalogue: JSON text by path in the output folder.

    Args:
        task: of the batch.
        outcomes: of all scenes; those without a map have no item.
    """
    mapped = [outcome for outcome in outcomes if outcome.mapped]
    models = _models(mapped)
    files = dict(models.values())
    files |= {f"{STAC}/{outcome.scene}.json": _item(task, outcome, models) for outcome in mapped}
    files[COLLECTION] = _collection(task, mapped)
    return {name: json.dumps(value, indent=1, ensure_ascii=False) + "\n" for name, value in files.items()}


def _item(task: str, outcome: Outcome, models: Mapping[str, tuple[str, Table]]) -> Table:
    """Return the STAC item of a map."""
    shape = outcome.outline
    acquired = iso_time(outcome.acquired) if outcome.acquired else None
    created = iso_time(outcome.created) or datetime.now(UTC)
    properties: Table = {
        **_times(acquired, created),
        "created": _stamp(created),
        "title": f"{task} of {outcome.scene}",
        "processing:software": {"geoseg": geoseg.__version__},
        "processing:level": "L4",
        "processing:lineage": outcome.method,
        "geoseg:task": task,
        "geoseg:acquired": outcome.acquired or None,
        "geoseg:sensor": outcome.sensor or None,
        "geoseg:valid_share": outcome.valid_share,
        "geoseg:classes": [total.model_dump(mode="json") for total in outcome.classes],
        "geoseg:warnings": [warning.code for warning in outcome.warnings],
    }
    links = [
        {"rel": "root", "href": f"../{COLLECTION}", "type": "application/json"},
        {"rel": "parent", "href": f"../{COLLECTION}", "type": "application/json"},
        {"rel": "collection", "href": f"../{COLLECTION}", "type": "application/json"},
        *({"rel": "derived_from", "href": _href(source), "title": "scene"} for source in outcome.sources),
    ]
    model = models.get(str((outcome.model or {}).get("sha256", "")))
    own: Table = {}
    if model is not None:
        name, item = model
        href = str(PurePosixPath(name).relative_to(STAC))
        own = {
            "mlm:name": item["properties"]["mlm:name"],
            "processing:level": "L4",
            "processing:expression": {"format": "stac-mlm", "expression": href},
        }
        link = {"rel": "derived_from", "href": href, "type": "application/geo+json"}
        links.append({**link, "mlm:name": own["mlm:name"], "processing:level": "L4"})
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [PROCESSING],
        "id": outcome.scene,
        "collection": collection_id(task),
        "geometry": outcome.footprint,
        **({} if shape is None else {"bbox": [round(value, 7) for value in bounds_of(shape)]}),
        "properties": {
            key: value for key, value in properties.items() if value is not None or key == "datetime"
        },
        "links": links,
        "assets": _assets(outcome.outputs, task, own),
    }


def _times(acquired: datetime | None, created: datetime) -> Table:
    """Return the time of an item: the acquisition, or, where it is not known, that it was before the map."""
    if acquired is not None:
        return {"datetime": _stamp(acquired)}
    return {"datetime": None, "start_datetime": EARLIEST, "end_datetime": _stamp(created)}


def _assets(files: Sequence[OutputFile], task: str, own: Table) -> Table:
    """Return the assets of the files of a map by key."""
    found: Table = {}
    for file in files:
        suffix = PurePosixPath(file.href).suffix.lower()
        key = "map" if file.role == "output" else file.role
        # There may be several styles, even of one format.
        keys = chain((key, f"{key}-{suffix[1:]}"), (f"{key}-{suffix[1:]}-{number}" for number in count(2)))
        found[next(name for name in keys if name not in found)] = _asset(file, suffix, task, own)
    return found


def _asset(file: OutputFile, suffix: str, task: str, own: Table) -> Table:
    """Return the asset of a file of a map."""
    main = file.role == "output"
    return {
        "href": f"../{file.href}",
        "title": f"{task} polygons" if main else file.role,
        "roles": ROLES.get(file.role, ["data"]),
        **({"type": MEDIA[suffix]} if suffix in MEDIA else {}),
        **(own if main else {}),
    }


def _collection(task: str, mapped: Sequence[Outcome]) -> Table:
    """Return the collection of all maps."""
    shapes = [outcome.outline for outcome in mapped if outcome.outline is not None]
    times = sorted(time for outcome in mapped if outcome.acquired and (time := iso_time(outcome.acquired)))
    bounds = [round(float(value), 7) for value in shapely.total_bounds(shapes)] if shapes else WORLD
    sensors = sorted({outcome.sensor for outcome in mapped if outcome.sensor})
    summaries: Table = {"geoseg:sensor": sensors} if sensors else {}
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [],
        "id": collection_id(task),
        "title": f"Maps of geoseg {task}",
        "description": f"{len(mapped)} maps by geoseg {task}, one item for each scene. summary.csv lists all "
        "scenes of the batch, also those without a map.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [bounds]},
            "temporal": {"interval": [[_stamp(times[0]), _stamp(times[-1])] if times else [None, None]]},
        },
        **({"summaries": summaries} if summaries else {}),
        "links": [
            {"rel": "root", "href": f"./{COLLECTION}", "type": "application/json"},
            *(
                {"rel": "item", "href": f"./{STAC}/{outcome.scene}.json", "type": "application/geo+json"}
                for outcome in mapped
            ),
        ],
        "assets": {
            "summary": {"href": "./summary.csv", "type": "text/csv", "roles": ["metadata"]},
            "footprints": {"href": "./summary.gpkg", "type": MEDIA[".gpkg"], "roles": ["metadata"]},
        },
    }


def collection_id(task: str) -> str:
    """Return the id of the collection of a task."""
    return f"geoseg-{task.replace(' ', '-')}"


def _models(mapped: Iterable[Outcome]) -> dict[str, tuple[str, Table]]:
    """Return path and content of the STAC item of each network, by the SHA-256 of its weights."""
    found: dict[str, tuple[str, Table]] = {}
    for outcome in mapped:
        name, sha256 = ((outcome.model or {}).get(key) for key in ("name", "sha256"))
        if isinstance(name, str) and isinstance(sha256, str) and sha256 not in found:
            item = _model_item(name, outcome.read)
            if item is not None:
                found[sha256] = (f"{STAC_MODELS}/{item['id']}.json", item)
    return found


def _model_item(name: str, read: Iterable[tuple[str, int, int]]) -> Table | None:
    """Return the description of a network that is a STAC item; None: it has none, or it has moved."""
    beside = (Path(path).parent / "model.json" for path, _, _ in read if path.endswith((".onnx", ".xml")))
    path = next((path for path in beside if path.is_file()), None)
    try:
        path = path or description_of(name)
        item = parse_json(read_text(path), path)
    except (GeosegError, OSError, ValueError):
        return None
    if not isinstance(item, dict) or "mlm:name" not in (item.get("properties") or {}):
        return None
    links = [link for link in item.get("links", []) if needs_network(str(link.get("href", "")))]
    return {**with_absolute_hrefs(item, path.parent), "links": links}


def _href(source: str) -> str:
    """Return a source as an address: that of a local file is absolute."""
    if needs_network(source) or source.startswith("/vsi"):
        return source
    document, item = split_name(source)
    return Path(document).absolute().as_uri() + (f"#{quote(item)}" if item else "")


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
