"""The camera of a micrograph is told beside those of the training, in one word for each quantity."""

import numpy as np
import pytest
from tests.fixtures.models import card, lively_network

from passband.files.micrograph import Micrograph
from passband.performance.camera_reference import CAMERA_QUANTITIES, CameraReference, TrainedSpread
from passband.segmentation.model import Model
from passband.verdict.assessment import Assessor
from passband.verdict.camera_comparison import ComparedQuantity, camera_rows, compared

SPREAD = TrainedSpread(0.0, 1.0, 2.0, 4.0, 8.0)


@pytest.mark.parametrize(
    ("value", "place"),
    [(1.0, "within"), (4.0, "within"), (0.5, "rare"), (0.0, "rare"), (8.0, "rare"), (-0.1, "beyond"), (8.1, "beyond")],
)
def test_the_word_says_between_which_images_of_the_training_a_value_lies(value: float, place: str) -> None:
    one = ComparedQuantity(value, SPREAD)
    assert one.place == place
    trained = {"median": 2.0, "usual": [1.0, 4.0], "all": [0.0, 8.0]}
    assert one.as_dict() == {"value": value, "place": place, "trained": trained}


def test_only_what_both_know_is_compared_and_levels_that_were_not_counted_are_told_so() -> None:
    levels = TrainedSpread(60.0, 100.0, 1025.0, 1025.0, 1025.0)
    reference = CameraReference(images=9, quantities={"grey_levels": levels, "blocks": SPREAD})
    found = compared(reference, {"grey_levels": 1025.0, "correlation": 1.0})
    assert list(found) == ["grey_levels"]
    (row,) = camera_rows(found)
    assert (row["value"], row["trained"]) == ("more than 1024", "100 to more than 1024")
    assert compared(None, {"grey_levels": 1025.0}) == {}


def test_a_verdict_tells_the_camera_and_keeps_its_word(make, trained) -> None:
    # rejects a comparison that decides, one of quick verdicts, and one that hangs on how the image lies
    image = np.random.default_rng(0).poisson(100.0, size=(99, 130)).astype(np.float32)
    image += 40.0 * np.kron(np.random.default_rng(1).random((13, 17)), np.ones((8, 8)))[:99, :130]  # blocks of a JPEG
    image[:3] = 0.0
    film = Micrograph(image, pixel_size=(0.8, 0.8))
    names = [one.name for one in CAMERA_QUANTITIES if one.name != "drift"]
    never = CameraReference(images=9, quantities=dict.fromkeys(names, TrainedSpread(-9.0, -8.0, -7.0, -6.0, -5.0)))
    network = lively_network()

    def verdict(camera: CameraReference | None, *, seen: Micrograph = film, quick: bool = False):
        table = make(60).model_copy(update={"camera": camera})
        model = Model(
            network, card(conditions=trained.model_dump(mode="json"), calibration=table.model_dump(mode="json"))
        )
        return Assessor(model).assess(seen, fit=False, quick=quick)

    told, plain = verdict(never), verdict(None)
    assert {name: one.place for name, one in told.camera.items()} == dict.fromkeys(names, "beyond")
    assert (told.outcome, told.reasons, told.flags) == (plain.outcome, plain.reasons, plain.flags)
    assert plain.camera == {}
    assert plain.as_dict()["camera"] == {}
    assert verdict(never, quick=True).camera == {}
    turned = Micrograph(np.rot90(image).copy(), pixel_size=(0.8, 0.8))
    assert verdict(never, seen=turned).camera == told.camera
