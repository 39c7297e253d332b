"""Cards say what a model is, and nothing else is a card."""

import pytest
from tests.fixtures.models import TINY, card

from passband.segmentation.card import ModelCard
from passband.segmentation.model import load_model, save_model
from passband.segmentation.unet import UNetRecipe
from passband.segmentation.weights import ModelError


@pytest.mark.parametrize("content", ["", "[]", '{"pixel_size": 0.8}', '{"misspelt": 1}'])
def test_cards_that_are_none(saved, content):
    (saved / "card.json").write_text(content)
    with pytest.raises(ModelError, match="is no model card") as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", ["NaN", "1e999", "9" * 400])
def test_cards_hold_finite_numbers_only(saved, number):
    text = (saved / "card.json").read_text()
    assert '"seed": 0' in text
    (saved / "card.json").write_text(text.replace('"seed": 0', f'"cost": {{"a": {number}}}'))
    with pytest.raises(ModelError, match="numbers must be finite, of at most 40 digits"):
        load_model(saved)


def test_card_must_fit_when_saving(tmp_path, network):
    other = ModelCard(architecture=UNetRecipe.preset("small"), pixel_size=0.8)
    with pytest.raises(ModelError, match="does not fit"):
        save_model(tmp_path, network, other)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        save_model(tmp_path / "file", network, card())


def test_classes_are_named_one_by_one():
    with pytest.raises(ValueError, match="names 3 classes but the network has 2"):
        card(classes=("film", "gold", "hole"))
    with pytest.raises(ValueError, match="greater than 0"):
        ModelCard(architecture=TINY, pixel_size=0.0)
