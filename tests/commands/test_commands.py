"""What scripts rely on: names and contents of files, JSON, exit codes, and a quick start."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from passband import __version__
from passband.citations import REFERENCES
from passband.commands.terminal.options import parse_pixel_size
from passband.files.listing import find_images

Run = Callable[..., Any]  # the fixture `run`, see conftest


def in_a_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import passband",
        "from passband.commands.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass",
    ],
    ids=["import passband", "passband --help"],
)
def test_the_start_loads_no_torch(code: str) -> None:
    heavy = "{'torch', 'numpy', 'rich', 'matplotlib', 'scipy', 'skimage', 'zarr', 'ase'}"
    loaded = in_a_new_process(f"import sys\n{code}\nprint(sorted({heavy} & set(sys.modules)))")
    assert loaded.splitlines()[-1] == "[]"


def loaded_by(*arguments: object) -> tuple[str, set[str]]:
    """Exit code of a command in a new process, and the names of all modules that it loaded."""
    code = f"from passband.commands.cli import app\ntry:\n    app({[str(one) for one in arguments]})\n"
    code += "except SystemExit as left:\n    print('\\n', left.code)\nimport sys\nprint(*sys.modules)"
    *_, left, modules = in_a_new_process(code).splitlines()
    return left.strip(), set(modules.split())


@pytest.mark.parametrize("command", ["segment", "trust", "fit"])
def test_a_file_that_cannot_be_used_is_told_before_the_network_is_loaded(command: str, tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no image")
    np.save(tmp_path / "plain.npy", np.eye(40))
    options = {"segment": ("-o", tmp_path / "m"), "trust": (), "fit": ("--energy", "300e3", "--cs", "0")}[command]
    for name in ("gone.tif", "text.tif", "plain.npy"):
        code, modules = loaded_by(command, tmp_path / name, *options)
        assert code == "2"
        assert not {"torch", "scipy", "skimage"} & modules


def test_segmenting_loads_only_what_it_needs(picture: Path, tmp_path: Path) -> None:
    """With the shipped network and its verdict; each of these takes as long as a small image."""
    code, modules = loaded_by("segment", picture, "-o", tmp_path / "m", "--json")
    assert code == "0"
    assert "torch" in modules
    heavy = {"sklearn", "pandas", "matplotlib", "zarr", "dask", "pyarrow", "torch._dynamo"}
    heavy |= {"scipy.stats", "scipy.signal"}
    assert not heavy & modules


def test_errors_and_exit_codes_of_the_installed_program() -> None:
    program = [sys.executable, "-c", "from passband.commands.cli import main; main()"]
    version = subprocess.run([*program, "--version"], capture_output=True, text=True, check=False)
    assert (version.returncode, version.stdout) == (0, f"passband {__version__}\n")
    wrong = subprocess.run(
        [*program, "segment", "x.tif", "-o", "y", "-M", "z"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.count("\n") == 1
    assert wrong.stderr.startswith("error: model 'z' is neither")


# -- segment -----------------------------------------------------------------------------------------------------------


def test_segment_writes_what_scripts_rely_on(run: Run, picture: Path, untrained: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks"
    outcome = run("segment", picture, "--model", untrained, "-o", out, "--json")
    assert outcome.code == 0
    (image,) = json.loads(outcome.out)["images"]
    assert image["mask"] == str(out / "picture.mask.tif")
    assert image["shape"] == [40, 56]
    assert image["pixel_size_A"] == pytest.approx([0.8, 0.8], rel=1e-4)
    mask, probability = (tifffile.imread(out / f"picture.{kind}.tif") for kind in ("mask", "probability"))
    assert (mask.dtype, mask.shape) == (np.uint8, (40, 56))
    assert (probability.dtype, probability.shape) == (np.float32, (40, 56))
    np.testing.assert_array_equal(mask > 0, probability > 0.5)
    assert (out / "picture.overlay.png").read_bytes().startswith(b"\x89PNG")
    with (out / "picture.particles.csv").open() as file:
        reader = csv.DictReader(file)
        assert {"area_nm2", "equivalent_diameter_nm", "eccentricity"} <= set(reader.fieldnames or ())
        assert len(list(reader)) == image["particles"]
    assert json.loads((out / "summary.json").read_text())["failed"] == []


def test_the_mask_keeps_the_pixel_size(run: Run, picture: Path, untrained: Path, tmp_path: Path) -> None:
    assert run("segment", picture, "--model", untrained, "-o", tmp_path, "--pixel-size", "77.6pm", "-q").code == 0
    described = json.loads(run("inspect", tmp_path / "picture.mask.tif", "--json").out)
    assert described["pixel_size_A"] == pytest.approx([0.776, 0.776], rel=1e-9)
    assert described["shape"] == [40, 56]


def test_one_failure_among_many_is_in_the_json_too(run: Run, picture: Path, untrained: Path, tmp_path: Path) -> None:
    outcome = run("segment", picture, tmp_path / "gone.tif", "--model", untrained, "-o", tmp_path / "m", "--json")
    assert outcome.code == 2
    result = json.loads(outcome.out)
    assert [Path(row["image"]).name for row in result["images"]] == ["picture.tif"]
    assert [Path(row["image"]).name for row in result["failed"]] == ["gone.tif"]


def test_a_far_pixel_size_is_warned_of(run: Run, picture: Path, untrained: Path, tmp_path: Path) -> None:
    near = run("segment", picture, "--model", untrained, "-o", tmp_path / "near", "--pixel-size", "0.6", "-q")
    far = run("segment", picture, "--model", untrained, "-o", tmp_path / "far", "--pixel-size", "4", "-q")
    assert "warning" not in near.err
    assert far.err.count("warning: ") == 1
    assert "4 Å per pixel is far from the network's 0.8 Å" in far.err


def test_test_time_averaging_changes_the_probability(run: Run, picture: Path, untrained: Path, tmp_path: Path) -> None:
    for name, extra in (("one", ()), ("eight", ("--tta",))):
        assert run("segment", picture, "--model", untrained, "-o", tmp_path / name, "-q", *extra).code == 0
    one, eight = (tifffile.imread(tmp_path / name / "picture.probability.tif") for name in ("one", "eight"))
    assert not np.array_equal(one, eight)


def test_a_frame_of_a_stack(run: Run, untrained: Path, tmp_path: Path) -> None:
    frames = np.random.default_rng(1).normal(size=(3, 40, 40))
    np.save(tmp_path / "stack.npy", frames)
    np.save(tmp_path / "single.npy", frames[2])
    common = ("--model", untrained, "-o", tmp_path / "m", "--pixel-size", "0.8", "-q")
    assert run("segment", tmp_path / "stack.npy", "--frame", "2", *common).code == 0
    assert run("segment", tmp_path / "single.npy", *common).code == 0
    stack, single = (tifffile.imread(tmp_path / "m" / f"{name}.probability.tif") for name in ("stack", "single"))
    np.testing.assert_array_equal(stack, single)


def test_folders_and_patterns_find_each_image_once(tmp_path: Path) -> None:
    for name in ("b.tif", "a.dm4", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    expected = [tmp_path / "a.dm4", tmp_path / "b.tif"]
    assert find_images([str(tmp_path)]) == expected
    assert find_images([str(tmp_path / "*.tif"), str(tmp_path), str(tmp_path / "b.tif")]) == expected[::-1]


@pytest.mark.parametrize("text", ["0.776", "0.776A", "0.776Å", "77.6pm", "0.0776nm"])
def test_a_length_with_any_unit_is_in_angstrom(text: str) -> None:
    assert parse_pixel_size(text) == pytest.approx(0.776, rel=1e-12)


# -- from a plan to a page ---------------------------------------------------------------------------------------------


class Links(HTMLParser):
    """Everything that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.images += tag == "img"
        self.found += [str(value)[:30] for name, value in attrs if name in ("src", "href")]


def test_the_demo_ends_in_one_self_contained_page(run: Run, tmp_path: Path, micro: list[str], picture: Path) -> None:
    out = tmp_path / "demo"
    outcome = run("demo", "-o", out, "--micrograph", picture, "--workers", "1", "--json", *micro)
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert result["report"] == str(out / "report.html")
    page = (out / "report.html").read_text()
    links = Links()
    links.feed(page)
    assert links.images == 5
    assert all(link.startswith("data:image/png;base64,") for link in links.found)
    assert "url(" not in page
    assert "<script" not in page
    assert result["scores"][0]["condition"] == "as trained"
    assert result["scores"][0]["sigma"] == pytest.approx(1.0)
    assert (out / "segmented" / "picture.mask.tif").is_file()
    weights = (out / "run" / "model" / "weights.safetensors").read_bytes()
    again = run("demo", "-o", out, "--workers", "1", "-q", *micro)  # finds the store and the run
    assert (again.code, again.out) == (0, f"{out / 'report.html'}\n")
    assert (out / "run" / "model" / "weights.safetensors").read_bytes() == weights
    assert (out / "segmented" / "held_out.mask.tif").is_file()


def test_step_by_step_gives_the_same_network_as_at_once(run: Run, tmp_path: Path, micro: list[str]) -> None:
    store, apart, together = tmp_path / "store", tmp_path / "apart", tmp_path / "together"
    made = json.loads(run("simulate", "demo", "-o", store, "--json", *micro).out)
    assert (made["structures"], made["store"]) == (4, str(store))
    assert run("train", "demo", "--store", store, "-o", apart, "-q", *micro).code == 0
    trained = json.loads(run("train", "demo", "-o", together, "--json", *micro).out)
    assert trained["model"] == str(together / "model")
    first, second = ((run_ / "model" / "weights.safetensors").read_bytes() for run_ in (apart, together))
    assert first == second
    refused = run("train", "demo", "--store", store, "-o", apart, "-q", *micro, "--set", "training.learning_rate=0.1")
    assert refused.code == 2
    assert len(refused.error_lines) == 1

    changed = ("--set", "split.test=0.2", "--set", "loss.focal_gamma=3.0")
    study = run("train", "demo", "-o", apart, "--store", store, "-q", *micro, *changed)
    assert (study.code, len(study.error_lines)) == (2, 1)
    assert "other values: loss, split (loss.focal_gamma 2.0 → 3.0, split.test 0.1 → 0.2); use another" in study.err
    other = run("evaluate", apart, "demo", "--store", store, "-q", *micro, "--set", "simulation.seed=9")
    assert (other.code, len(other.error_lines)) == (2, 1)
    assert f"{store} holds exit waves of another recipe (simulation.seed 1 → 9); " in other.err
    turned = run("evaluate", "demo", apart)
    assert turned.error_lines == ["error: model 'demo' is a plan; the model comes first: passband evaluate MODEL PLAN"]

    scores = tmp_path / "scores"
    printed = run("evaluate", apart, "demo", "--store", store, "-o", scores, "--json", *micro)
    result = json.loads(printed.out)
    assert len(result["scores"]) == 6
    assert {"dice", "iou", "boundary_iou", "paper_loss", "sigma", "delta_epsilon"} <= set(result["scores"][0])
    assert sorted(file.name for file in scores.iterdir()) == ["scores.csv", "scores.json", "scores.parquet"]
    assert json.loads((scores / "scores.json").read_text()) == result
    assert "NaN" not in printed.out  # the precision of a mask without a particle; no JSON


def test_a_file_name_that_is_not_utf8(run: Run, tmp_path: Path, untrained: Path, picture: Path) -> None:
    odd = tmp_path / "odd\udcff.tif"  # the byte 0xff, as Python names it
    odd.write_bytes(picture.read_bytes())
    out = tmp_path / "masks"
    printed = run("segment", odd, "--model", untrained, "-o", out, "--json", "-q")
    assert printed.code == 0, printed.err
    assert json.loads(printed.out)["images"][0]["mask"] == str(out / "odd\udcff.mask.tif")
    assert json.loads((out / "summary.json").read_text())["images"][0]["image"] == str(odd)
    assert "odd\\udcff.tif" in (out / "summary.csv").read_text()
    assert run("inspect", odd, "--json").code == 0


# -- models ------------------------------------------------------------------------------------------------------------


def test_models_says_what_each_is_for(run: Run) -> None:
    told = json.loads(run("models", "--json").out)
    assert {"name", "mode", "task", "pixel_size_A"} <= set(told[0])
    assert all(one["pixel_size_A"][0] < one["pixel_size_A"][1] for one in told)
    text = run("models").out
    assert "au_hrtem  (the default)\n  TEM, 300 kV, pixels of 0.3 to 1.1 Å; finds: particle\n  trained on Au\n" in text


# -- cite --------------------------------------------------------------------------------------------------------------


def test_bibtex_has_every_reference_once_and_balanced(run: Run) -> None:
    text = run("cite", "--format", "bibtex").out
    assert [text.count(f"{{{reference.key},") for reference in REFERENCES] == [1] * len(REFERENCES)
    assert text.count("{") == text.count("}")


def test_citing_a_part_leaves_the_others_out(run: Run) -> None:
    keys = [row["key"] for row in json.loads(run("cite", "scores", "--json").out)]
    assert keys == ["passband", "Cheng2021"]


def test_a_file_of_another_microscopy_is_warned_of(run: Run, shared_data: Path, tmp_path: Path) -> None:
    """The MoS2 file says STEM at 60 kV; the card of the shipped network says TEM at 300 kV."""
    stem = shared_data / "atomic_stem" / "example_Se_implanted_MoS2.dm3"
    outcome = run("segment", stem, "-o", tmp_path / "m", "-q")
    assert outcome.code == 0
    assert outcome.err.count("do not trust this mask") == 1
    assert "passband zeroshot" in " ".join(outcome.err.split())
    said = "says STEM and the network knows TEM images only; it was taken at 60 kV and the network trained at 300 kV"
    assert said in " ".join(outcome.err.split())


def test_fields_without_particles_still_end_in_a_network(run: Run, micro: list[str], tmp_path: Path) -> None:
    """Where nothing is and nothing is found, Dice has no value; the card says null and the tables stay readable."""
    bare = [
        *micro,
        "--set",
        "simulation.scene.empty=1.0",
        "--set",
        "training.steps_per_epoch=12",
        "--set",
        "training.learning_rate=0.01",
    ]
    assert run("train", "demo", "-o", tmp_path / "run", "-q", *bare).code == 0
    card = json.loads((tmp_path / "run" / "model" / "card.json").read_text())
    assert card["scores"]["as trained"]["dice"] is None
    store = tmp_path / "run" / "store"
    outcome = run("evaluate", tmp_path / "run", "demo", "--store", store, "-o", tmp_path / "e", "-q", "--json", *bare)
    assert outcome.code == 0
    json.loads(outcome.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_simulate_tells_what_its_waves_hold_of_the_beam(run: Run, tmp_path: Path) -> None:
    scene = {"field": "40.0", "materials": '["Au"]', "diameter": "30", "film_thickness": "10", "particles": "1"}
    small = ["simulation.structures=3", "imaging.patch=32"]
    small += [f"simulation.scene.{name}={value}" for name, value in scene.items()]
    settings = [word for one in small for word in ("--set", one)]
    outcome = run("simulate", "demo", "-o", tmp_path / "gold", "--json", *settings)
    assert outcome.code == 0
    row = json.loads(outcome.out)
    assert 0.9 < row["transmitted"]["least"] <= row["transmitted"]["mean"] < 0.99
    assert "structures hold less than 99 % of the beam" in row["warning"]
    assert "simulation.pixel_size, such as 0.2" in row["warning"]
    assert outcome.err.count(row["warning"]) == 1
    carbon = run("simulate", "demo", "-o", tmp_path / "film", *settings, "--set", "simulation.scene.empty=1.0")
    assert "warning" not in carbon.err
    assert re.search(r"their waves hold 99\.\d\d % of the beam, within 16\.4 mrad \(least 99\.\d\d %\)", carbon.out)
