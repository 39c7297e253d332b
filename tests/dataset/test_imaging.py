"""How micrographs are taken: refused where it is impossible, and an identity that older data sets keep."""

from typing import Any

import pytest
from pydantic import ValidationError

from passband.dataset.imaging import Imaging


def imaging(**fields: Any) -> Imaging:
    return Imaging.model_validate(
        {"conditions": {"energy": 300e3}, "pixel_size": {"uniform": [0.6, 0.8]}, "patch": 32, **fields}
    )


def test_one_patch_of_a_field_leaves_the_identity_as_it_was() -> None:
    plain = imaging()
    assert "patches_per_field" not in plain.model_dump()
    assert imaging(patches_per_field=1).identity == plain.identity
    many = imaging(patches_per_field=2)
    assert many.identity != plain.identity
    assert Imaging.model_validate_json(many.to_json()) == many


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"patch": 0}, "greater than or equal to 8"),
        ({"conditions": {"dose": -3.0}}, "dose"),
        ({"conditions": {"aberrations": {"defocuss": 3.0}}}, "defocus"),
        ({"pixel_size": float("nan")}, "finite"),
        ({"patches": 3}, "patches"),
        ({"patches_per_field": 0}, "greater than or equal to 1"),
    ],
)
def test_impossible_imaging_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        imaging(**fields)
