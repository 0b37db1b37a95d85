"""Tables of unit absorption that users bring."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import GeosegError, SceneError, SceneReadError
from geoseg.methods.gas_absorption import methane
from geoseg.methods.unit_absorption import unit_absorption
from geoseg.scenes import open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.methane.absorption import Absorption, absorption_of
from geoseg.tasks.methane.view_angles import Angles
from tests.spectrometer import WIDTHS, WINDOW, simulate, write_tiff

OWN = unit_absorption(methane(), WINDOW, WIDTHS[-len(WINDOW) :])


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiff(tmp_path_factory.mktemp("cube") / "cube.tif", simulate(8, 8))


def of(cube: Path, table: Path | None, angles: Angles | None = None) -> Absorption:
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(SceneSpec(paths=(str(cube),)), sensors()))
        return absorption_of(scene, table, angles)


def write(path: Path, wavelength: np.ndarray, slope: np.ndarray, head: str = "wavelength_nm,slope\n") -> Path:
    rows = "".join(f"{nm:.3f},{value:.9g}\n" for nm, value in zip(wavelength, slope, strict=True))
    path.write_text(f"# made by a test\n{head}{rows}")
    return path


def test_geosegs_own_table(cube: Path) -> None:
    found = of(cube, None)
    assert found.bands[0] == "w2122"
    np.testing.assert_allclose(found.centres, WINDOW)
    np.testing.assert_allclose(found.unit, OWN)


def test_a_longer_path_absorbs_more_but_a_users_table_is_taken_as_it_is(cube: Path, tmp_path: Path) -> None:
    low = Angles(sun_zenith=60, view_zenith=0, source="a test")
    np.testing.assert_allclose(of(cube, None, low).unit, 1.5 * OWN)
    assert "1.500" not in of(cube, None).source
    table = write(tmp_path / "table.csv", WINDOW, OWN / 1e5)
    np.testing.assert_allclose(of(cube, table, low).unit, OWN, rtol=1e-6)


@pytest.mark.parametrize("head", ["wavelength_nm,slope\n", ""])
def test_a_table_at_the_bands_is_taken_as_it_is(cube: Path, tmp_path: Path, head: str) -> None:
    found = of(cube, write(tmp_path / "table.csv", WINDOW, OWN / 1e5, head))
    np.testing.assert_allclose(found.unit, OWN, rtol=1e-6)
    assert found.source == "table.csv"


def test_a_fine_table_is_brought_to_the_bands_width(cube: Path, tmp_path: Path) -> None:
    fine = np.arange(2100, 2520, 1.0)
    narrow = unit_absorption(methane(), fine[10:-30], np.full(len(fine) - 40, 1.5)) / 1e5
    found = of(cube, write(tmp_path / "table.csv", fine[10:-30], narrow))
    # Lines that are saturated at their centre differ from their mean; so does the light in each nanometre.
    as_it_is = np.interp(WINDOW, fine[10:-30], narrow * 1e5)
    assert np.abs(found.unit - OWN).max() < 0.2 * np.abs(as_it_is - OWN).max()


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("wavelength,slope\n2122,-1e-5\n2300,-1e-5\n", SceneError, "covers 2122 to 2300 nm.*2482"),
        ("2000,-1\n2600,-1\n", SceneError, "the unit and the sign"),
        ("2000,1e-5\n2600,1e-5\n", SceneError, "the unit and the sign"),
        ("2000,-1e-5\n2600\n", SceneReadError, "two columns"),
        ("a,b\nc,d\n", SceneReadError, "two columns"),
        ("2600,-1e-5\n2000,-1e-5\n", SceneReadError, "ascending wavelengths"),
        ("2000,-1e-5\n2600,nan\n", SceneReadError, "finite"),
        ("", SceneReadError, "two or more rows"),
    ],
)
def test_tables_that_make_no_sense(
    cube: Path, tmp_path: Path, text: str, kind: type[GeosegError], said: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(kind, match=said) as caught:
        of(cube, path)
    assert caught.value.exit_code == 3
    assert str(path) in str(caught.value)


def test_a_table_that_is_not_there(cube: Path, tmp_path: Path) -> None:
    with pytest.raises(SceneReadError, match=r"`--absorption .*nowhere\.csv` does not exist; check the path"):
        of(cube, tmp_path / "nowhere.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(SceneReadError, match="cannot be read"):
        of(cube, binary)
