"""Plans: what is misspelt or impossible is refused on one line that says what to write instead."""

from pathlib import Path

import pytest

from passband.distribution import Uniform
from passband.experiment.plan import Plan, load_plan
from passband.experiment.plan_files import PlanError, shipped_plans


@pytest.mark.parametrize("name", sorted(shipped_plans()))
def test_every_shipped_plan_loads_under_its_own_name(name: str) -> None:
    assert load_plan(name).name == name


def test_the_cdse_plan_is_the_published_recipe() -> None:
    plan = load_plan("cdse")
    scene = plan.simulation.scene
    assert (plan.simulation.energy, plan.simulation.pixel_size, plan.simulation.phonons) == (300e3, 0.1, 8)
    assert (scene.field, scene.materials, scene.gap, scene.faults) == (128.0, ("CdSe",), 10.0, 2)
    assert scene.diameter == Uniform(uniform=(30.0, 50.0))
    defoci = [-named.conditions.aberrations["C10"].normal[0] for named in plan.validation]  # type: ignore[union-attr]
    assert defoci == [float(value) for value in range(-250, 251, 50)]


def test_the_seed_reaches_simulation_and_training_and_nothing_else() -> None:
    plan = load_plan("demo", seed=99)
    assert (plan.simulation.seed, plan.training.seed) == (99, 99)
    back = {"seed": 1}
    simulation = plan.simulation.model_copy(update=back)
    assert plan.model_copy(update={"simulation": simulation, "training": plan.training.model_copy(update=back)}) == (
        load_plan("demo", seed=1)
    )


WRONG = {
    "misspelt key": ("training.epoch=3", "training.epoch is not a known key; did you mean 'epochs'?"),
    "misspelt table": ("simulaton.seed=3", "simulaton is not a known key; did you mean 'simulation'?"),
    "misspelt deep key": (
        "simulation.scene.diametre=30.0",
        "simulation.scene.diametre is not a known key; did you mean",
    ),
    "misspelt in a list": (
        "validation.0.conditions.does=3",
        "validation.0.conditions.does is not a known key; did you",
    ),
    "misspelt distribution": ("imaging.conditions.dose={unifrom=[1,2]}", "write a number, {uniform = [low, high]}"),
    "misspelt aberration": ("imaging.conditions.aberrations.defocuss=3", "defocus"),
    "energy in kV": ("simulation.energy=300", "energies are in eV, so write 300 kV as energy=300e3"),
    "negative dose": ("imaging.conditions.dose=-5", "dose=-5 e⁻/Å² is outside"),
    "no electrons": ("imaging.conditions.dose=0", "dose=0"),
    "wide particle": ("simulation.scene.diameter=2000.0", "larger than the field"),
    "backward range": ("imaging.conditions.dose={uniform=[9, 2]}", "runs backwards"),
    "text for a number": ("training.epochs='many'", "training.epochs='many' is not accepted"),
    "zero epochs": ("training.epochs=0", "training.epochs=0 is not accepted: it should be greater than or equal to 1"),
    "infinite": (
        "training.learning_rate=inf",
        "training.learning_rate=inf is not accepted: it should be a finite number",
    ),
    "unknown network": ("network=giant", "preset='giant' is unknown; choose one of fringes, fringes-wide"),
    "unknown optimiser": ("training.optimiser=sdg", "'sgd'"),
    "unknown material": ("simulation.scene.materials=['CdSee']", "CdSe"),
    "no validation": ("validation=[]", "validation=[] is not accepted"),
    "split of everything": ("split.test=0.95", "leave nothing to train on"),
    "too few structures": ("simulation.structures=2", "training, validation and test each need one"),
    "same name twice": ("validation.1.name='as trained'", "validation has 'as trained' twice"),
}


@pytest.mark.parametrize(("override", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_value_is_refused_on_one_line(override: str, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        load_plan("demo", [override])
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert message.startswith("demo.toml: ")


def test_every_wrong_value_has_its_own_line() -> None:
    with pytest.raises(PlanError) as caught:
        load_plan("demo", ["training.epoch=3", "simulation.energy=300", "imaging.pach=3"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert [word for word in ("training.epoch", "simulation.energy", "imaging.pach") if word in str(caught.value)]


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text('name = "short"\nvalidation = []\n[simulation]\nstructures = 9\n[simulation.scene]\n')
    with pytest.raises(PlanError, match=r"short\.toml: imaging is missing; add it to the plan"):
        load_plan(file)


def test_a_plan_survives_its_own_json() -> None:
    plan = load_plan("demo")
    again = Plan.model_validate_json(plan.to_json())
    assert again == plan
    assert again.identity == plan.identity
