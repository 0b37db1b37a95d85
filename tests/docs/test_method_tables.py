"""The tables of methods in the docs are those of the classes."""

from __future__ import annotations

import pytest

from docs.method_tables import DOCS, TABLES, Table


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.page}:{table.name}")
def test_the_docs_hold_the_tables(table: Table) -> None:
    page = (DOCS / table.page).read_text(encoding="utf-8")
    assert table.put_in(page) == page, "run: make docs"


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="methods:begin"):
        TABLES[-1].put_in("# Flood\n")
