from geoseg.text_columns import align


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    text = align([("name", "n", "unit"), ("a", "100", "")], indent="", right=(1,))
    assert text == "name    n  unit\na     100"


def test_each_line_is_indented() -> None:
    assert align([("a", "b")]) == "  a  b"
