"""What a type checker sees through `import passband`; the gates check it, and nothing runs it."""

from typing import assert_type

import passband
from passband.dataset.beam_path import ImagingRecipe, SimulationRecipe


def micrograph_to_numbers(path: str) -> None:
    micrograph = passband.read_micrograph(path, pixel_size="50pm")
    assert_type(micrograph, passband.Micrograph)
    assert_type(passband.load_model("au_hrtem"), passband.Model)
    assert_type(passband.segment(path, pixel_size="50pm"), passband.Segmentation)
    assert_type(passband.segment(micrograph, passband.load_model()), passband.Segmentation)
    assert_type(passband.assess(micrograph, "au_hrtem"), passband.Verdict)


def plan_to_store(folder: str) -> None:
    plan = passband.load_plan("demo")
    assert_type(plan, passband.Plan)
    assert_type(passband.simulate(plan, folder), passband.WaveStore)
    assert_type(passband.simulate(plan.simulation, folder), passband.WaveStore)
    assert_type(plan.simulation, SimulationRecipe)
    assert_type(plan.imaging, ImagingRecipe)
    passband.simulate(plan.imaging, folder)  # type: ignore[arg-type]  # refused, because the types are seen


def plan_to_scores(folder: str) -> None:
    plan = passband.load_plan("demo")
    store = passband.simulate(plan, folder)
    run = passband.train(plan, store, folder)
    assert_type(run, passband.TrainedStudy)
    passband.evaluate(passband.load_model(run.model), plan, store)
    passband.evaluate(run.model, plan, store)
