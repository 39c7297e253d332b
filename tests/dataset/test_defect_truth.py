"""Masks of point defects: what is none is background, each kind has its class, and they lie on the image's defects."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from passband.dataset.acquisition import Acquisition
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.dataset.scan_structure import scan_structure
from passband.dataset.simulate import simulate
from passband.description.defects import find_defects
from passband.specimen.sheets.dichalcogenide import COLUMN_LABELS

SHEETS: dict[str, Any] = {
    "kind": "dichalcogenides",
    "field": 40.0,
    "single_vacancies": 0.1,
    "double_substitutions": 0.05,
    "metal_vacancies": 0.1,
}
GRAPHENE: dict[str, Any] = {"kind": "graphene", "field": 40.0}


def simulation(specimens: dict[str, Any], **fields: Any) -> ScanSimulation:
    values = {"structures": 3, "seed": 7, "specimens": specimens, "truth": "defect", **fields}
    return ScanSimulation.model_validate(values)


def test_points_are_the_defects_alone_and_their_class_is_their_kind() -> None:
    # rejects pristine columns as defects, and classes that count from the pristine one
    recipe = simulation(SHEETS)
    assert recipe.classes == ("background", *COLUMN_LABELS[1:])
    made, of_kind = scan_structure(recipe, 0).atoms, scan_structure(simulation(SHEETS, truth="kind"), 0).atoms
    defect = of_kind["point_kind"] > 1
    assert 5 < defect.sum() < len(defect) / 2
    np.testing.assert_array_equal(made["point_kind"], of_kind["point_kind"][defect] - 1)
    np.testing.assert_array_equal(made["point_x"], of_kind["point_x"][defect])
    np.testing.assert_array_equal(made["x"], of_kind["x"])  # the columns are those of any truth
    assert {recipe.classes[number] for number in made["point_kind"]} == {
        "single_vacancy",
        "double_substitution",
        "metal_vacancy",
    }


def test_a_mixture_has_the_defects_of_its_members() -> None:
    mixed = simulation({"kind": "mixture", "among": [{**SHEETS, "material": "MoS2"}, SHEETS, GRAPHENE]})
    made = [scan_structure(mixed, index) for index in range(6)]
    told = [one.atoms["point_kind"] for one in made]
    assert mixed.classes == ("background", *COLUMN_LABELS[1:])
    kinds = [dict(mixed.specimens.draw(seed=7, index=index).parameters)["kind"] for index in range(6)]
    assert set(kinds) == {"dichalcogenides", "graphene"}
    assert [len(one) > 0 for one in told] == [kind == "dichalcogenides" for kind in kinds]
    assert all(one.min() >= 1 for one in told if len(one))


def test_specimens_without_defects_are_refused() -> None:
    with pytest.raises(ValidationError, match="truth='defect' of graphene has no defects to tell apart"):
        simulation(GRAPHENE)


def test_discs_of_the_mask_lie_on_the_vacancies_of_the_image(tmp_path: Path) -> None:
    # rejects masks that miss the place of the frame on the specimen
    only = {**SHEETS, "single_vacancies": 0.0, "double_substitutions": 0.0}
    still = {"dwell_time": 1e-5, "beam_current": 1e-9}
    imaging = ScanImaging.model_validate({"pixel_size": 0.2074, "patch": 128, "disc": 0.8, "camera": still})
    batch = Acquisition(simulate(simulation(only), tmp_path / "store"), imaging, seed=2).batch(0, 2)
    classes = ("background", *COLUMN_LABELS[1:])
    for image, mask in zip(batch.images[:, 0].numpy(), batch.masks.numpy(), strict=True):
        hot = np.stack([(mask == number).astype(float) for number in range(len(classes))])
        found = find_defects(hot, classes, 0.2074)
        assert len(found) > 3
        assert set(found.names) == {"metal_vacancy"}
        seen = image[np.rint(found.y).astype(int), np.rint(found.x).astype(int)]
        assert seen.max() < np.quantile(image, 0.6)  # no column is there
