"""The ablation on gold: variants are the plan and their ingredients; a network is measured as it is kept."""

import csv
from pathlib import Path

import pytest
from safetensors.torch import load_file

from passband.dataset.simulate import simulate
from passband.experiment.plan_files import PlanError
from passband.segmentation.model import load_model
from studies.real_gold.network_run import Places, collect, run_network
from studies.real_gold.variants import StudyPlan

STUDY = Path(__file__).parents[2] / "studies" / "real_gold"
PLAN = """
name = "micro"
network = "small"
[simulation]
structures = 12
pixel_size = 0.4
slice_thickness = 4.0
phonons = 0
focus_reference = "centre"
scene = { field = 32.0, film_thickness = 8.0, diameter = 12.0, particles = 1, gap = 2.0, materials = ["Au"] }
[imaging]
pixel_size = 0.8
patch = 40
focal_nodes = 1
conditions = { dose = 400.0 }
[[validation]]
name = "near focus"
conditions = { dose = 400.0 }
[training]
epochs = 1
steps_per_epoch = 2
batch_size = 2
"""
VARIANTS = """
[ingredients]
tiny = ["network=tiny"]
dark = ["imaging.conditions.dose=50.0"]
[variants]
plan = []
all = ["tiny", "dark"]
[held_out]
changes = ["simulation.structures=3", "simulation.seed=9"]
images = 2
[held_out.cameras]
noisy = ["imaging.conditions.readout_noise=5.0"]
"""


def study(folder: Path, variants: str = VARIANTS) -> StudyPlan:
    (folder / "plan.toml").write_text(PLAN)
    (folder / "variants.toml").write_text(variants)
    return StudyPlan(folder / "plan.toml", folder / "variants.toml")


@pytest.mark.parametrize("plan", ["plan.toml", "plan_small.toml"])
def test_the_variants_of_the_study_are_plans_of_a_fixed_number_of_steps(plan: str) -> None:
    ours = StudyPlan(STUDY / plan, STUDY / "variants.toml")
    runs = ours.runs([], [3, 4])
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)  # a second seed when all have a first
    assert len({run.name for run in runs}) == len(runs) == 2 * len(ours.variants.variants)
    trainings = {run.plan.training.model_copy(update={"seed": 0}) for run in runs}
    assert len(trainings) == 1  # one protocol
    (training,) = trainings
    assert training.keep == "last"
    assert not training.is_monitored  # no score stops it or chooses an epoch
    assert {len({run.plan.training.seed for run in runs if run.seed == seed}) for seed in (3, 4)} == {1}
    held = ours.held_out()
    assert not {one.simulation.seed for one in held} & {run.plan.simulation.seed for run in runs}
    assert len({one.simulation.identity for one in held}) == 1  # one set of structures, so that cameras alone differ


def test_a_variant_is_the_plan_and_its_ingredients(tmp_path: Path) -> None:
    every, plain = study(tmp_path).runs(["all", "plan"], [5])  # what one adds is not in the next
    assert plain.plan.network.identity != every.plan.network.identity
    assert every.plan.imaging.conditions.dose == 50.0  # type: ignore[union-attr]
    assert plain.plan.imaging.conditions.dose == 400.0  # type: ignore[union-attr]
    assert plain.plan.simulation == every.plan.simulation
    assert plain.plan.training == every.plan.training
    assert plain.plan.training.seed == 5
    (held,) = study(tmp_path).held_out()
    assert (held.name, held.simulation.seed, held.images) == ("noisy", 9, 2)
    assert held.imaging.conditions.readout_noise == 5.0  # type: ignore[union-attr]


def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="'nothing' is no variant; there are plan, all"):
        study(tmp_path).runs(["nothing"], [0])
    with pytest.raises(PlanError, match="variant all names 'salt', which is no ingredient; there are tiny, dark"):
        study(tmp_path, VARIANTS.replace('["tiny", "dark"]', '["salt"]')).runs(["all"], [0])
    with pytest.raises(PlanError, match=r"variants\.toml: held_out\.images"):
        study(tmp_path, VARIANTS.replace("images = 2", "images = 0"))


def test_a_network_is_trained_once_and_measured_as_it_is_kept(tmp_path: Path) -> None:
    ours, places = study(tmp_path), Places(tmp_path / "out")
    (run,), sets = ours.runs(["all"], [1]), ours.held_out()
    for simulation in (run.plan.simulation, sets[0].simulation):
        simulate(simulation, places.store(simulation))
    said = run_network(run, sets=sets, places=places, device="cpu", threads=1)
    assert "own" in said
    kept = places.network(run.name)
    assert {str(tensor.dtype) for tensor in load_file(kept / "weights.safetensors").values()} == {
        "torch.float16",
        "torch.int64",
    }
    assert load_model(kept).card.seed == 1
    assert not places.training(run.name).exists()
    written = places.scores(run.name).read_bytes()
    assert run_network(run, sets=sets, places=places, device="cpu", threads=1) == "finished before"
    assert places.scores(run.name).read_bytes() == written
    collect(places)
    with (places.root / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["variant"], row["seed"], row["camera"], row["steps"]) for row in rows] == [
        ("all", "1", "own", "2"),
        ("all", "1", "noisy", "2"),
    ]
