import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from passband.commands import cli

SETTING = ["information", "--energy", "300e3", "--focal-spread", "10", "--c10", "-80", "--c30", "2.5e5"]


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        cli.app(arguments)
    captured = capsys.readouterr()
    return int(left.value.code or 0), captured.out, captured.err


def answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    code, out, err = run([*arguments, "--json"], capsys)
    assert (code, err) == (0, "")
    return json.loads(out)


def test_json_holds_the_golden_values_of_the_specification(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer([*SETTING, "--against", "c10=-250,c30=2.5e5"], capsys)
    assert found["epsilon"] == pytest.approx(0.66048, abs=1e-5)
    assert found["sigma"] == pytest.approx(0.82999, abs=1e-5)
    assert found["delta_epsilon"] == pytest.approx(found["epsilon_against"] - found["epsilon"])
    assert "sigma" not in answer(SETTING, capsys)


def test_units_and_aliases_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    same = ["information", "--energy", "300kV", "--focal-spread", "1nm", "-a", "Defocus=8nm,cs=0.025mm"]
    assert answer(same, capsys)["epsilon"] == pytest.approx(0.66048, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "golden"),
    [(["--weight", "area"], 0.76081), (["--power", "2"], 0.54908), (["--weight", "area", "--power", "2"], 0.69559)],
)
def test_options_choose_the_variant(options: list[str], golden: float, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer([*SETTING, *options], capsys)["epsilon"] == pytest.approx(golden, abs=1e-5)


def test_odd_aberrations_are_treated_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    lens = ["--c12", "20", "--c21", "200nm", "--c23", "1500", "-a", "phi12=0.3,phi21=1", "-a", "phi23=0.2"]
    assert answer([*SETTING, *lens], capsys)["epsilon"] == pytest.approx(0.5846, abs=1e-4)
    assert answer([*SETTING, *lens, "--odd", "naive"], capsys)["epsilon"] == pytest.approx(0.5706, abs=1e-4)


def test_an_overlap_that_is_not_defined_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer([*SETTING, "--against", "c10=0"], capsys)
    assert found["sigma"] is None
    assert found["epsilon_against"] == 0.0
    code, out, _ = run([*SETTING, "--against", "c10=0"], capsys)
    assert code == 0
    assert "undefined" in out


def test_a_person_gets_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(SETTING, capsys)
    assert code == 0
    assert "0.66048" in out
    assert "σ" not in out


def test_figures_and_numbers_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "figures"
    found = answer([*SETTING, "--against", "c10=-250,c21=2000", "-o", str(folder)], capsys)
    assert sorted(Path(name).name for name in found["files"]) == sorted(path.name for path in folder.iterdir())
    for name in ("ctf", "information_map"):
        assert np.asarray(Image.open(folder / f"{name}.png").convert("L")).std() > 10
    rows = (folder / "ctf.csv").read_text().splitlines()
    assert rows[0] == "q_per_A,T_conditions,T_against"
    assert len(rows) == 1252


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--energy", "300"], "energies are in eV"),
        (["--c10", "8 furlongs"], "furlongs"),
        (["--focal-spread", "-10"], "focal_spread=-10"),
        (["--aperture", "20"], "angles are in rad"),
        (["-a", "C13=5"], "did you mean"),
        (["-a", "phi12=30"], "azimuths are in radians"),
        (["-a", "C21"], "is not name=value"),
        (["--c10", "5", "-a", "defocus=5"], "C10 a second time"),
        (["--against", "c10"], "is not name=value"),
        (["--power", "3"], "power"),
        (["--qmax", "-1"], "qmax"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(["information", *options], capsys)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1
