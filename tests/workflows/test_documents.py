"""The documents: links lead somewhere, records are listed, the citation is of this version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from geoseg import __version__

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docker").glob("*.md")]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]+))?\)")


def _anchors(document: Path) -> set[str]:
    """Anchors that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    for name, anchor in LINK.findall(document.read_text()):
        target = (document.parent / name) if name else document
        assert target.exists(), f"{document.name} links to {name}"
        if anchor:
            assert anchor in _anchors(target), f"{document.name} links to {name}#{anchor}"


def test_every_decision_is_listed_with_its_date_status_and_title() -> None:
    index = (DECISIONS / "README.md").read_text()
    numbers = []
    for record in sorted(DECISIONS.glob("[0-9]*.md")):
        text = record.read_text()
        match = re.match(r"# (\d{4})\. (.+)\n\n- Date: (\d{4}-\d\d-\d\d)\n- Status: (.+)\n", text)
        assert match, f"{record.name} does not begin with number, title, date and status"
        number, title, date, status = match.groups()
        assert f"| [{number}]({record.name}) | {date} | {status} | {title} |" in index
        assert re.fullmatch(r"Proposed|Accepted|Superseded by \d{4}", status), record.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
        numbers.append(int(number))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_glossary_has_one_row_for_each_term() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| term")]
    terms = [row.split("|")[1].strip() for row in rows]
    assert len(terms) == len(set(terms))
    assert all(row.count("|") == 6 for row in rows)


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert citation["cff-version"] == "1.2.0"
    assert all(citation[key] for key in ("authors", "message", "title"))


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem
)
def test_issue_forms_have_what_github_asks_for(form: Path) -> None:
    fields = yaml.safe_load(form.read_text())
    assert all(fields[key] for key in ("name", "description"))
    identifiers = [field["id"] for field in fields["body"]]
    assert len(identifiers) == len(set(identifiers))
    assert all(field["attributes"]["label"] for field in fields["body"])
