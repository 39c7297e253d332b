"""Plans that cannot work are refused when they are made, one line for each reason; those that can, are not."""

import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from passband.campaign import expansion
from passband.campaign.grid import CampaignPlan, load_campaign
from passband.dataset.simulation import Simulation, atoms_at_most
from passband.experiment.consistency import step_bytes
from passband.experiment.plan import Plan, load_plan, plan_from
from passband.experiment.plan_files import PlanError, shipped_plans
from passband.segmentation.footprint import training_footprint
from passband.segmentation.losses import LossRecipe
from passband.segmentation.unet import UNetRecipe
from passband.specimen.sampling import sample_scene
from passband.training import TrainingRecipe
from passband.validation import error_lines

STUDIES = Path(__file__).parents[2] / "studies"
Raw = dict[str, Any]


def with_changes(raw: Raw, changes: dict[str, Any]) -> Raw:
    """Change values by dotted names."""
    made = tomllib.loads("")
    made.update(_copy(raw))
    for dotted, value in changes.items():
        here, *rest = dotted.split(".")
        place = made
        while rest:
            place = place.setdefault(here, {})
            here, *rest = rest
        place[here] = value
    return made


def _copy(value: Any) -> Any:
    return {key: _copy(one) for key, one in value.items()} if isinstance(value, dict) else value


@pytest.fixture
def study(smallest: Raw) -> Raw:
    kept = {key: smallest[key] for key in ("name", "simulation", "imaging", "network", "split", "training")}
    near = {"name": "near", "conditions": {"dose": 400.0, "aberrations": {"defocus": 100.0}}}
    return kept | {"validation": [near]}


def named(**conditions: Any) -> list[Raw]:
    return [{"name": "near", "conditions": conditions}]


HUGE = 10**39
SHARED: dict[str, tuple[dict[str, Any], str]] = {  # what a study and a campaign have in common
    "energy of the imaging": ({"simulation.energy": 80e3}, "energy=300000 eV and the exit waves 80000 eV; write"),
    "patch wider than the field": ({"imaging.patch": 64}, "patch=64 pixels of 1 Å is wider than the field of 32 Å"),
    "camera finer than the waves": ({"imaging.pixel_size": 0.2}, "pixel_size=0.2 Å is finer than the stored waves"),
    "negative camera pixels": ({"imaging.pixel_size": -1.0}, "pixel_size=-1 Å is finer"),
    "element that is nowhere": ({"simulation.displacement": {"Cd": 0.1, "Se": 0.1, "C": 0.1, "Au": 0.1}}, "names 'Au'"),
    "element that is missing": (
        {"simulation.displacement": {"Cd": 0.1, "C": 0.1}, "simulation.phonons": 1},
        "displacement has no value for Se; name every element",
    ),
    "misspelt element": ({"simulation.displacement": {"cd": 0.1}}, "names 'cd', which no scene holds"),
    "negative displacement": ({"simulation.displacement": -0.1}, "displacement=-0.1 Å is negative"),
    "negative displacement of one": (
        {"simulation.displacement": {"Cd": -0.1, "Se": 0.1, "C": 0.1}},
        "displacement of Cd=-0.1 Å is negative",
    ),
    "classes": (
        {"network.classes": 3},
        "masks have 2, background and particle; write network.classes=2",
    ),
    "channels": ({"network.channels": 3}, "network.channels=3 and a micrograph has 1"),
    "too few class weights": ({"loss": {"class_weights": [1.0]}}, "has 1 numbers and the network 2 classes"),
    "too many class weights": ({"loss": {"class_weights": [1.0, 2.0, 3.0]}}, "has 3 numbers and the network 2 classes"),
    "class weights of nothing": ({"loss": {"class_weights": [0.0, 0.0]}}, "leave nothing to learn"),
    "monitor": ({"training.monitor": "f1"}, "monitor='f1' is no score; choose one of training_loss, paper_loss"),
    "monitor of an older version": (
        {"training.monitor": "paper_scale_loss"},
        "training.monitor='paper_scale_loss' is called 'paper_loss' now; write that",
    ),
    "loss of an older version": ({"training.monitor": "loss"}, "monitor='loss' is called 'training_loss' now"),
    "monitor that grows": ({"training.monitor": "dice", "training.patience": 3}, "monitor='dice' grows as a network"),
    "monitor set": ({"training.monitor_set": "far"}, "monitor_set='far' is no validation set; choose one of"),
    "split without a training": ({"split": {"validation": 0.5, "test": 0.45}}, "leave none to train on"),
    "split of two structures": ({"simulation.structures": 2}, "of 2 structures leave none to train on"),
    "one pixel to normalise": ({"training.batch_size": 1}, "leaves one pixel at the deepest level"),
    "endless training": ({"training.epochs": 10**6, "training.steps_per_epoch": 10**6}, "1e+12 steps"),
    "batch": (
        {"training.batch_size": 10**6, "network": "paper", "simulation.scene.field": 128.0, "imaging.patch": 128},
        "batch_size=1000000 of patches of 128² pixels takes",
    ),
    "field": ({"simulation.scene.field": 1e5}, "scene.field=100000 Å is 2e+05 pixels of 0.5 Å a side"),
    "field beyond numbers": (
        {"simulation.scene.field": 1e308, "simulation.pixel_size": 1e-300},
        "scene.field=1e+308 Å",
    ),
    "pixels": ({"simulation.pixel_size": 1e-6}, "scene.field=32 Å is 3.2e+07 pixels"),
    "film": ({"simulation.scene.film_thickness": 1e12}, "slices of 4 Å; at most 100000 are computed"),
    "atoms": (
        {"simulation.scene.field": 2e4, "simulation.pixel_size": 1.0, "simulation.scene.film_thickness": 5e3},
        "atoms; at most 1e+09 are made",
    ),
    "slices": ({"simulation.slice_thickness": 1e-9}, "slices of 1e-09 Å"),
    "phonons": (
        {"simulation.scene.field": 3e4, "simulation.phonons": 1000},
        "1000 waves of 60000² pixels take 29,146 GB of memory",
    ),
    "disk": ({"simulation.structures": 10**7, "simulation.scene.field": 4e3}, "TB of disk; 1,000 TB is the bound"),
    "wide network": ({"network.stem": 10**6, "network.encoder": [10**6] * 4}, "parameters, 3.04e+05 GB, is beyond"),
    "width beyond numbers": ({"network.stem": HUGE}, "network.stem=10000000"),
    "structures beyond numbers": ({"simulation.structures": HUGE}, "simulation.structures=1000000"),
    "seed beyond 64 bits": ({"training.seed": 2**63}, "training.seed=92233720368547"),
    "seed of structures": ({"simulation.seed": 2**64}, "simulation.seed=18446744"),
    "epochs beyond numbers": ({"training.epochs": HUGE}, "training.epochs=1000000"),
    "batch beyond numbers": ({"training.batch_size": HUGE}, "training.batch_size=1000000"),
    "blocks beyond numbers": ({"network.blocks": HUGE}, "network.blocks=1000000"),
    "name that climbs": ({"name": "../up"}, "'../up' cannot name a folder; use letters"),
    "name of the parent": ({"name": ".."}, "'..' cannot name a folder"),
    "name like an option": ({"name": "-rf"}, "'-rf' cannot name a folder"),
    "name of a device": ({"name": "NUL.txt"}, "'NUL.txt' is a device on Windows"),
    "long name": ({"name": "x" * 101}, "cannot name a folder"),
    "name of blanks": ({"name": "a b"}, "'a b' cannot name a folder"),
}
STUDY_ONLY: dict[str, tuple[dict[str, Any], str]] = {
    "read-out noise without a dose": (
        {"imaging.conditions": {"readout_noise": 0.1}},
        "have readout_noise=0.1 e⁻ and no dose",
    ),
    "energy of a named condition": ({"validation": named(energy=80e3)}, "conditions 'near' have energy=80000 eV"),
    "energies that vary": (
        {"validation": named(energy={"uniform": [2e5, 3e5]})},
        "'near' have energy=200000 eV to 300000 eV and the exit waves 300000 eV",
    ),
    "one point of a mixture": (
        {"validation": named(among=[{"energy": 300e3}, {"energy": 200e3}])},
        "conditions 'near' have energy=200000 eV",
    ),
    "names given twice": ({"validation": named() * 2}, "validation has 'near' twice"),
}
WITH_OTHERS = {"name": "all", "train_on": "two", "evaluate_on": "two", "structures": ["", "other"]}
CAMPAIGN_ONLY: dict[str, tuple[dict[str, Any], str]] = {
    "energy of a family": ({"families.two.base": {"energy": 80e3}}, "conditions 'defocus=100' have energy=80000 eV"),
    "energy of other structures": (
        {"others": {"other": {"energy": 80e3}}, "parts": [WITH_OTHERS]},
        "others.other: conditions",
    ),
    "patch on other structures": (
        {"others": {"other": {"scene": {"field": 24.0}}}, "parts": [WITH_OTHERS]},
        "others.other: patch=32",
    ),
    "other structures of no name": ({"others": {"": {"seed": 9}}}, "others has an entry without a name"),
    "grid of billions": (
        {"families.two.grid": {name: [float(k) for k in range(2000)] for name in ("C10", "C30", "C12")}},
        "families.two has 8e+09 conditions; at most 100000 are made",
    ),
    "runs of billions": (
        {"families.two.grid": {"C10": [float(k) for k in range(90_000)]}, "training.epochs": 2},
        "the parts measure 1.62e+10 times",
    ),
    "grid value given twice": ({"families.two.grid": {"defocus": [5.0, 5.0]}}, "two conditions named 'defocus=5'"),
    "grid values of one name": (
        {"families.two.grid": {"C30": [1234567.0, 1234568.0]}},
        "two conditions named 'C30=1.23457e+06'; drop it, or round grid values to six digits",
    ),
    "too many images": ({"images": HUGE}, "images=1000000"),
    "name of a family's draws": ({"families.random.name": "../x"}, "families.random.name: '../x' cannot name a folder"),
}


def lines_of(model: type[Plan | CampaignPlan], raw: Raw) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(raw)
    return error_lines(caught.value, model=model, data=raw)


@pytest.mark.parametrize(("changes", "said"), [*SHARED.values(), *STUDY_ONLY.values()], ids=[*SHARED, *STUDY_ONLY])
def test_a_study_that_cannot_work_is_refused_in_words(study: Raw, changes: dict[str, Any], said: str) -> None:
    begun = time.process_time()
    lines = lines_of(Plan, with_changes(study, changes))
    assert any(said in line for line in lines), lines
    _well_formed(lines)
    assert time.process_time() - begun < 20.0  # told from the recipes, not by trying


@pytest.mark.parametrize(
    ("changes", "said"), [*SHARED.values(), *CAMPAIGN_ONLY.values()], ids=[*SHARED, *CAMPAIGN_ONLY]
)
def test_a_campaign_that_cannot_work_is_refused_in_words(smallest: Raw, changes: dict[str, Any], said: str) -> None:
    lines = lines_of(CampaignPlan, with_changes(smallest, changes))
    assert any(said in line for line in lines), lines
    _well_formed(lines)


def _well_formed(lines: list[str]) -> None:
    for line in lines:
        assert "\n" not in line
        assert len(line) < 400
        assert "^[" not in line  # no regular expression is a message
        assert ";" in line


def test_every_reason_is_told_at_once(study: Raw) -> None:
    raw = with_changes(study, {"imaging.patch": 64, "network.classes": 3, "training.monitor": "f1"})
    with pytest.raises(PlanError) as caught:
        plan_from(raw, source="my.toml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("my.toml: ") for line in lines)


FINE: dict[str, dict[str, Any]] = {
    "a 512 GB workstation": {"simulation.scene.field": 2e4, "simulation.structures": 100},
    "a month of training": {"training.epochs": 10_000, "training.steps_per_epoch": 1000, "training.batch_size": 64},
    "an odd patch": {"imaging.patch": 24},
    "one large patch": {"training.batch_size": 1, "simulation.scene.field": 64.0, "imaging.patch": 48},
    "elements that a film of nothing lacks": {
        "simulation.displacement": {"Cd": 0.1, "Se": 0.1},
        "simulation.scene.film_thickness": 0.0,
        "simulation.phonons": 2,
    },
    "another energy throughout": {
        "simulation.energy": 80e3,
        "imaging.conditions": {"energy": 80e3},
        "validation": named(energy=80e3),
    },
    "class weights": {"loss": {"class_weights": [1.0, 3.0]}},
    "a score that judges nobody": {"training.monitor": "dice"},
    "one judge": {"training.monitor_set": "near", "training.patience": 3},
    "the largest seed": {"training.seed": 2**63 - 1, "simulation.seed": 2**63 - 1},
    "a name in any letters": {"name": "Größe_2.1-β"},
    "three structures": {"simulation.structures": 3},
}


@pytest.mark.parametrize("changes", FINE.values(), ids=FINE)
def test_a_study_that_can_work_is_not_refused(study: Raw, changes: dict[str, Any]) -> None:
    Plan.model_validate(with_changes(study, changes))


def test_plans_of_the_papers_size_and_those_that_come_with_passband_pass() -> None:
    for name in shipped_plans():
        load_plan(name)
    for path in STUDIES.glob("*/plan*.toml"):
        (load_plan if path.parent.name == "real_gold" else load_campaign)(path)


def test_a_campaign_is_counted_before_it_is_made(smallest: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MOST_CONDITIONS", 1)
    monkeypatch.setattr(
        "passband.campaign.families.ConditionFamily.conditions", lambda self: pytest.fail("it was expanded")
    )
    (*_, line) = lines_of(CampaignPlan, smallest)
    assert "conditions; at most 1 are made" in line


def test_bounds_of_memory_are_below_what_is_measured() -> None:
    """A bound that refuses must never be above the footprint that a real step was compared with."""
    training = TrainingRecipe(batch_size=4)
    for preset in ("tiny", "small", "paper"):
        recipe = UNetRecipe.preset(preset)
        real = training_footprint(recipe, LossRecipe(), training, patch=128).step
        assert 0.2 * real < step_bytes(recipe, 4, 128) < real


def test_parameters_are_counted_without_the_network() -> None:
    odd = UNetRecipe(channels=3, classes=5, stem=7, encoder=(3, 4, 5, 6), decoder=(9, 8, 7, 6, 5), blocks=3)
    for recipe in (odd, *(UNetRecipe.preset(name) for name in ("tiny", "small"))):
        assert recipe.parameters == sum(one.numel() for one in recipe.build().parameters())


def test_atoms_are_estimated_from_above(smallest: Raw) -> None:
    recipe = Simulation.model_validate(smallest["simulation"])
    made = max(len(sample_scene(recipe.scene, seed=recipe.seed, index=index).atoms) for index in range(3))
    assert made < atoms_at_most(recipe.scene) < 6 * made


def test_two_structures_are_enough_to_simulate():
    """Rejects a split that is asked of a plan of which nothing is trained, and one that is not asked where it is."""
    assert load_plan("graphene", ["simulation.structures=2"], trains=False).simulation.structures == 2
    with pytest.raises(PlanError, match="2 structures leave none to train on"):
        load_plan("graphene", ["simulation.structures=2"])
