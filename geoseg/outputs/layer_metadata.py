"""Metadata of layers: for QGIS (QMD) and by ISO 19139, the XML schemas of ISO 19115."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from pyproj import CRS

from geoseg.messages import counted
from geoseg.outputs.words import citation, credits_of, dates_of, day_of, licences, lineage, map_title
from geoseg.run_record import RunRecord

QGIS_URI = "http://mrcc.com/qgis.dtd"
"""`md_standard_uri` by which QGIS finds its layer metadata in a GeoPackage."""
ISO_URI = "http://www.isotc211.org/2005/gmd"
"""Namespace of ISO 19139."""

_GCO = "http://www.isotc211.org/2005/gco"
_GML = "http://www.opengis.net/gml/3.2"
_CODES = "http://standards.iso.org/iso/19139/resources/gmxCodelists.xml"
for _prefix, _uri in (("gmd", ISO_URI), ("gco", _GCO), ("gml", _GML)):
    ElementTree.register_namespace(_prefix, _uri)

Bounds = tuple[float, float, float, float]
"""Least x and y, greatest x and y."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What the metadata of a layer state."""

    identifier: str
    title: str
    abstract: str
    crs: CRS | None
    bounds: Bounds | None
    """In the CRS; None: the layer is empty."""
    lonlat: Bounds | None
    """West, south, east and north in degrees; None: unknown."""
    record: RunRecord


def facts_of(
    name: str, what: str, record: RunRecord, crs: CRS | None, bounds: Bounds | None, lonlat: Bounds | None
) -> LayerFacts:
    """Return the facts of a layer.

    Args:
        name: of the layer.
        what: its content, one sentence.
        record: of the run.
        crs: of the layer.
        bounds: of its features, in the CRS.
        lonlat: of its features, in degrees.
    """
    totals = "; ".join(
        f"{item.label}: {counted(item.polygons, 'polygon')}"
        + ("" if item.area_m2 is None else f", {item.area_m2 / 1e4:,.2f} ha")
        for item in record.classes[:20]
    )
    warned = " ".join(f"Warning: {item.text}." for item in record.warnings)
    return LayerFacts(
        identifier=f"geoseg:{record.task.replace(' ', '-')}:{name}:{record.created}",
        title=f"{map_title(record)} ({name})",
        abstract=" ".join(part for part in (what, f"{totals}." if totals else "", warned) if part),
        crs=crs,
        bounds=bounds,
        lonlat=lonlat,
        record=record,
    )


def qgis_metadata(facts: LayerFacts) -> str:
    """Return the metadata as QGIS reads them (`QgsLayerMetadata`)."""
    root = ElementTree.Element("qgis", version="3.22.0")
    record = facts.record
    _add(root, "identifier", facts.identifier)
    _add(root, "language", "eng")
    _add(root, "type", "dataset")
    _add(root, "title", facts.title)
    _add(root, "abstract", facts.abstract)
    keywords = _add(root, "keywords", vocabulary="geoseg")
    for word in dict.fromkeys(["geoseg", record.task, *(item.label for item in record.classes[:20])]):
        _add(keywords, "keyword", word)
    _add(root, "links")
    _add(root, "history", lineage(record))
    for text in citation(record):
        _add(root, "history", text)
    for text in credits_of(record):
        _add(root, "rights", text)
    for text in licences(record):
        _add(root, "license", text)
    _add(root, "encoding", "UTF-8")
    authid = _authority(facts.crs)
    reference = _add(_add(root, "crs"), "spatialrefsys")
    if facts.crs is not None:
        _add(reference, "wkt", facts.crs.to_wkt())
        _add(reference, "authid", authid)
        _add(reference, "description", facts.crs.name)
        _add(reference, "geographicflag", "true" if facts.crs.is_geographic else "false")
    extent = _add(root, "extent")
    if facts.bounds is not None:
        left, bottom, right, top = (repr(value) for value in facts.bounds)
        _add(
            extent, "spatial", minx=left, miny=bottom, maxx=right, maxy=top, minz="0", maxz="0",
            dimensions="2", crs=authid,
        )  # fmt: skip
    if days := _days(record):
        period = _add(_add(extent, "temporal"), "period")
        _add(period, "start", f"{days[0]}T00:00:00Z")
        _add(period, "end", f"{days[-1]}T23:59:59Z")
    ElementTree.indent(root, " ")
    return f"<!DOCTYPE qgis PUBLIC '{QGIS_URI}' 'SYSTEM'>\n" + ElementTree.tostring(root, encoding="unicode")


def iso_metadata(facts: LayerFacts) -> str:
    """Return the metadata by ISO 19139, in the order that its schema requires."""
    root = ElementTree.Element(f"{{{ISO_URI}}}MD_Metadata")
    record = facts.record
    _text(root, "fileIdentifier", facts.identifier)
    _text(root, "language", "eng")
    _code(_gmd(root, "characterSet"), "MD_CharacterSetCode", "utf8")
    _code(_gmd(root, "hierarchyLevel"), "MD_ScopeCode", "dataset")
    # The schema requires a contact, and geoseg knows none.
    _gmd(root, "contact").set(f"{{{_GCO}}}nilReason", "missing")
    _date(_gmd(root, "dateStamp"), record.created[:10])
    _text(root, "metadataStandardName", "ISO 19115:2003/19139")
    if facts.crs is not None:
        system = _gmd(_gmd(root, "referenceSystemInfo"), "MD_ReferenceSystem")
        named = _gmd(_gmd(system, "referenceSystemIdentifier"), "RS_Identifier")
        _text(named, "code", _authority(facts.crs) or facts.crs.name)
    about = _gmd(_gmd(root, "identificationInfo"), "MD_DataIdentification")
    cited = _gmd(_gmd(about, "citation"), "CI_Citation")
    _text(cited, "title", facts.title)
    made = _gmd(_gmd(cited, "date"), "CI_Date")
    _date(_gmd(made, "date"), record.created[:10])
    _code(_gmd(made, "dateType"), "CI_DateTypeCode", "creation")
    _text(about, "abstract", facts.abstract)
    for credit in credits_of(record):
        _text(about, "credit", credit)
    _keywords(about, [record.task, *(item.label for item in record.classes[:20])])
    limits = _gmd(_gmd(about, "resourceConstraints"), "MD_LegalConstraints")
    _code(_gmd(limits, "useConstraints"), "MD_RestrictionCode", "license")
    for licence in licences(record):
        _text(limits, "otherConstraints", licence)
    _text(about, "language", "eng")
    _extent(about, facts)
    quality = _gmd(_gmd(root, "dataQualityInfo"), "DQ_DataQuality")
    scope = _gmd(_gmd(quality, "scope"), "DQ_Scope")
    _code(_gmd(scope, "level"), "MD_ScopeCode", "dataset")
    _text(_gmd(_gmd(quality, "lineage"), "LI_Lineage"), "statement", lineage(record))
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _extent(about: ElementTree.Element, facts: LayerFacts) -> None:
    """Add the extent in degrees and in time."""
    days = _days(facts.record)
    if facts.lonlat is None and not days:
        return
    extent = _gmd(_gmd(about, "extent"), "EX_Extent")
    if facts.lonlat is not None:
        west, south, east, north = facts.lonlat
        box = _gmd(_gmd(extent, "geographicElement"), "EX_GeographicBoundingBox")
        bounds = {"westBound": west, "eastBound": east, "southBound": south, "northBound": north}
        for name, value in bounds.items():
            kind = "Longitude" if name in {"westBound", "eastBound"} else "Latitude"
            ElementTree.SubElement(_gmd(box, name + kind), f"{{{_GCO}}}Decimal").text = f"{value:.7f}"
    if days:
        time = _gmd(_gmd(_gmd(extent, "temporalElement"), "EX_TemporalExtent"), "extent")
        period = ElementTree.SubElement(time, f"{{{_GML}}}TimePeriod", {f"{{{_GML}}}id": "period"})
        ElementTree.SubElement(period, f"{{{_GML}}}beginPosition").text = days[0]
        ElementTree.SubElement(period, f"{{{_GML}}}endPosition").text = days[-1]


def _keywords(about: ElementTree.Element, words: Sequence[str]) -> None:
    listed = _gmd(_gmd(about, "descriptiveKeywords"), "MD_Keywords")
    for word in dict.fromkeys(words):
        _text(listed, "keyword", word)


def _days(record: RunRecord) -> list[str]:
    """Return the days of a map in order, without unknown ones."""
    days = [day_of(value) for value in dates_of(record)]
    return sorted(day.isoformat() for day in days if day is not None)


def _authority(crs: CRS | None) -> str:
    """Return the code of a CRS, such as `EPSG:32633`; empty if it has none."""
    found = None if crs is None else crs.to_authority()
    return "" if found is None else ":".join(found)


def _add(parent: ElementTree.Element, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text or None
    return element


def _gmd(parent: ElementTree.Element, tag: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, f"{{{ISO_URI}}}{tag}")


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(_gmd(parent, tag), f"{{{_GCO}}}CharacterString").text = text


def _date(parent: ElementTree.Element, text: str) -> None:
    ElementTree.SubElement(parent, f"{{{_GCO}}}Date").text = text


def _code(parent: ElementTree.Element, kind: str, value: str) -> None:
    element = _gmd(parent, kind)
    element.set("codeList", f"{_CODES}#{kind}")
    element.set("codeListValue", value)
    element.text = value
