"""Models on disk, and their predictions for images of any size."""

import hashlib
import json
import os
import pickle
import shutil
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from passband.recipe import PassbandError
from passband.segmentation.card import ModelCard, read_card
from passband.segmentation.model import Model, load_model, save_model
from passband.segmentation.unet import UNetRecipe
from passband.segmentation.weights import ModelError, read_weights

TINY = UNetRecipe.preset("tiny")


def card(**fields):
    return ModelCard(architecture=TINY, pixel_size=0.8, **fields)


def lively_network():
    """A tiny network whose answer varies over the image, so that tests can fail."""
    torch.manual_seed(1)
    network = TINY.build()
    nn.init.normal_(network.head.weight, std=0.3)
    with torch.no_grad():
        for _ in range(5):
            network(torch.randn(4, 1, 64, 64))
    return network.eval()


@pytest.fixture(scope="module")
def network():
    return lively_network()


@pytest.fixture
def saved(tmp_path, network):
    save_model(tmp_path / "model", network, card(name="test", conditions={"defocus": {"uniform": [-600.0, 600.0]}}))
    return tmp_path / "model"


def noise(*shape):
    return np.random.default_rng(0).normal(10.0, 2.0, size=shape)


def test_saved_model_predicts_the_same(saved, network):
    image = noise(70, 90)
    direct = Model(network, card()).predict(image, 0.8)
    loaded = load_model(saved)
    np.testing.assert_array_equal(loaded.predict(image, 0.8), direct)
    assert loaded.card.name == "test"
    assert loaded.card.conditions == {"defocus": {"uniform": [-600.0, 600.0]}}
    content = (saved / "weights.safetensors").read_bytes()
    assert read_card(saved).weights_sha256 == hashlib.sha256(content).hexdigest()


def test_probabilities_have_the_shape_of_the_image_and_add_up(network):
    model = Model(network, card())
    for shape, pixel in (((70, 91), 0.8), ((201, 203), 0.5), ((60, 50), (1.1, 1.3)), ((16, 16), 0.8)):
        out = model.predict(noise(*shape), pixel)
        assert out.shape == (2, *shape)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out.sum(0), 1.0, atol=1e-5)
        assert out.min() >= 0.0
    assert np.ptp(out[1]) > 0.01


def test_tiles_agree_with_one_large_tile():
    """With its coarse levels silenced the network reaches some 32 pixels, and tiles give the whole image."""
    network = lively_network()
    nn.init.zeros_(network.decoder[1].conv2.weight)
    model = Model(network, card())
    image = noise(500, 300)
    whole = model.predict(image, 0.8, patch=640, overlap=128)
    tiled = model.predict(image, 0.8, patch=256, overlap=128)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
    assert np.ptp(whole) > 0.1


def test_prediction_ignores_gain_and_offset(network):
    model = Model(network, card())
    image = noise(64, 64)
    np.testing.assert_allclose(model.predict(500.0 * image - 7e3, 0.8), model.predict(image, 0.8), atol=1e-4)


class Darkness(nn.Module):
    """Probability from brightness: what goes in can be read off what comes out."""

    def forward(self, x):
        return torch.cat([-x, x], dim=1)


def test_image_reaches_the_network_at_its_pixel_size_and_comes_back_in_place():
    y, x = np.mgrid[:300, :200]
    image = np.exp(-((y - 210.0) ** 2 + (x - 60.0) ** 2) / (2 * 20.0**2))
    out = Model(Darkness(), card()).predict(image, 0.4)
    peak = np.unravel_index(out[1].argmax(), out[1].shape)
    assert abs(peak[0] - 210) <= 2
    assert abs(peak[1] - 60) <= 2
    reference = (image - image.mean()) / image.std()
    np.testing.assert_allclose(out[1], 1 / (1 + np.exp(-2 * reference)), atol=0.01)


def test_all_eight_symmetries_make_the_prediction_equivariant(network):
    model = Model(network, card())
    image = noise(64, 64)
    steady = model.predict(image, 0.8, symmetries=8, patch=128, overlap=64)
    turned = model.predict(np.rot90(image).T, 0.8, symmetries=8, patch=128, overlap=64)
    np.testing.assert_allclose(turned, np.rot90(steady, axes=(1, 2)).transpose(0, 2, 1), atol=1e-5)
    plain = model.predict(image, 0.8, patch=128, overlap=64)
    mirrored = model.predict(np.rot90(image).T, 0.8, patch=128, overlap=64)
    assert np.abs(mirrored - np.rot90(plain, axes=(1, 2)).transpose(0, 2, 1)).max() > 1e-3


def test_segment_is_the_most_probable_class_and_input_is_kept(network):
    model = Model(network, card())
    image = noise(40, 40)
    before = image.copy()
    found = model.segment(image, 0.8)
    assert (found.labels.dtype, found.classes, found.pixel_size) == (np.uint8, ("background", "particle"), (0.8, 0.8))
    np.testing.assert_array_equal(found.labels, model.predict(image, 0.8).argmax(0))
    np.testing.assert_array_equal(found.probabilities, model.predict(image, 0.8))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("image", "pixel", "options", "words"),
    [
        (np.zeros((40, 40, 3)), 0.8, {}, "not 2-D"),
        (np.full((40, 40), np.nan), 0.8, {}, "NaN"),
        (np.zeros((40, 40)), 0.08, {}, r"4 × 4 pixels of 0\.8 Å, too small for the network, which needs 16"),
        (np.zeros((40, 15)), 0.8, {}, "too small"),
        (np.zeros((40, 40)), 1e4, {}, r"500000 × 500000 pixels of 0\.8 Å, too large to be resampled to"),
        (np.zeros((40, 40)), 1e300, {}, "too large"),
        (np.zeros((40, 40)), -1.0, {}, "positive"),
        (np.zeros((40, 40)), 0.8, {"symmetries": 9}, "outside 1 to 8"),
    ],
)
def test_images_that_cannot_be_predicted(network, image, pixel, options, words):
    with pytest.raises(PassbandError, match=words):
        Model(network, card()).predict(image, pixel, **options)


def test_constant_image_is_predicted(network):
    assert np.isfinite(Model(network, card()).predict(np.full((40, 40), 3.0), 0.8)).all()


def test_missing_files(tmp_path, saved):
    with pytest.raises(ModelError, match=r"cannot read .*card\.json.*a model is a directory with"):
        read_card(tmp_path / "nowhere")
    with pytest.raises(PassbandError, match="nowhere' is neither a folder nor a shipped model"):
        load_model(tmp_path / "nowhere")
    (saved / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"cannot read .*weights\.safetensors"):
        read_weights(saved / "weights.safetensors", read_card(saved).architecture, "")
    with pytest.raises(PassbandError, match=r"lacks weights\.safetensors; copy both"):
        load_model(saved)


def test_a_model_is_named_or_found_in_its_run(tmp_path, saved):
    # rejects a loader that takes folders of two files alone, which a notebook would have to look for
    run = tmp_path / "run"
    shutil.copytree(saved, run / "model")
    assert load_model(run).card == load_model(str(saved)).card == load_model(saved / "card.json").card
    assert load_model("au_hrtem").card == load_model().card


def test_pickles_are_refused_unopened(saved):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    target = saved / "weights.safetensors"
    target.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match="is a pickle"):
        load_model(saved)
    torch.save({"a": torch.zeros(1)}, target)
    with pytest.raises(ModelError, match=r"is a pickle or torch\.save"):
        load_model(saved)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 64])
def test_damaged_weights(saved, content):
    (saved / "weights.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is no safetensors file"):
        load_model(saved)


def test_altered_weights_and_foreign_cards(saved, tmp_path):
    path = saved / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_model(saved)
    text = json.loads((saved / "card.json").read_text())
    text["weights_sha256"], text["architecture"]["blocks"] = "", 2
    (saved / "card.json").write_text(json.dumps(text))
    with pytest.raises(ModelError, match=r"does not fit the architecture on the card: \d+ missing") as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)
    text["architecture"]["blocks"], text["architecture"]["stem"] = 1, 4
    (saved / "card.json").write_text(json.dumps(text))
    with pytest.raises(ModelError, match="of another shape"):
        load_model(saved)


@pytest.mark.parametrize("content", ["", "[]", '{"pixel_size": 0.8}', '{"misspelt": 1}'])
def test_cards_that_are_none(saved, content):
    (saved / "card.json").write_text(content)
    with pytest.raises(ModelError, match="is no model card") as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


def rewritten(saved, change):
    """Change the tensors of a saved model and let its card vouch for them."""
    state = load((saved / "weights.safetensors").read_bytes())
    change(state)
    content = save(state)
    (saved / "weights.safetensors").write_bytes(content)
    edited(saved, weights_sha256=hashlib.sha256(content).hexdigest())


def edited(saved, **fields):
    text = json.loads((saved / "card.json").read_text()) | fields
    (saved / "card.json").write_text(json.dumps(text))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["head.weight", "norm_in.running_mean", "levels.2.0.norm1.bias"])
def test_weights_that_are_not_finite_are_refused_by_name(saved, name, value):
    rewritten(saved, lambda state: state[name].view(-1)[:1].fill_(value))
    with pytest.raises(ModelError, match=rf"1 of \d+ numbers of {name} are NaN or infinite; .*train again or copy"):
        load_model(saved)


def test_weights_that_overflow_the_network_are_refused(saved):
    rewritten(saved, lambda state: state.update({"head.bias": torch.full((2,), 1e300, dtype=torch.float64)}))
    with pytest.raises(ModelError, match=r"2 of 2 numbers of head\.bias are NaN or infinite"):
        load_model(saved)


def test_negative_variances_are_refused(saved):
    rewritten(saved, lambda state: state["norm_deep.running_var"].fill_(-1.0))
    with pytest.raises(ModelError, match=r"norm_deep\.running_var holds negative variances"):
        load_model(saved)


def test_a_network_that_is_not_finite_is_not_saved(tmp_path):
    network = lively_network()
    nn.init.constant_(network.head.bias, float("nan"))
    with pytest.raises(ModelError, match=r"numbers of head\.bias are NaN"):
        save_model(tmp_path / "model", network, card())
    assert not (tmp_path / "model").exists()


def test_a_prediction_that_is_not_finite_is_no_mask():
    network = lively_network()
    nn.init.constant_(network.head.weight, 3e38)
    with pytest.raises(ModelError, match="gives NaN on this image"):
        Model(network, card()).predict(noise(40, 40), 0.8)


def test_no_hash_switches_no_check_off(saved):
    hashed = read_card(saved).weights_sha256
    for absent in ("", " ", hashed.upper(), hashed[:16]):
        edited(saved, weights_sha256=absent)
        with pytest.raises(ModelError, match="is not the file that the card describes"):
            load_model(saved)
    text = json.loads((saved / "card.json").read_text())
    del text["weights_sha256"]
    (saved / "card.json").write_text(json.dumps(text))
    with pytest.raises(ModelError, match=r"it gives no SHA-256\); copy both files again"):
        load_model(saved)


@pytest.mark.parametrize(
    "fields",
    [
        {"blocks": 10**12},
        {"stem": 10**9},
        {"encoder": [8, 16, 32, 10**8]},
        {"decoder": [10**9] * 5},
        {"classes": 10**9},
        {"channels": 10**9},
    ],
)
def test_a_card_cannot_ask_for_more_than_its_weights(saved, fields, monkeypatch):
    text = json.loads((saved / "card.json").read_text())
    text["architecture"] |= fields
    if "classes" in fields:
        monkeypatch.setattr(ModelCard, "_check", lambda self: self)
        text["classes"] = ["a"] * 2
    (saved / "card.json").write_text(json.dumps(text))
    with pytest.raises(ModelError, match=r"does not fit the architecture on the card|is no model card"):
        load_model(saved)


def header(text, *, length=None, payload=b""):
    return struct.pack("<Q", len(text) if length is None else length) + text + payload


@pytest.mark.parametrize(
    "content",
    [
        header(b"{}", length=2**63),
        header(b"{}", length=100_000_000, payload=bytes(64)),
        header(b"[]"),
        header(b'{"a": 3}'),
        header(b'{"head.bias": {"dtype": "F32", "shape": [' + b"9" * 5000 + b'], "data_offsets": [0, 8]}}'),
        header(b'{"head.bias": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 8]}}'),
        header(b"[" * 100_000),
    ],
)
def test_headers_of_weights_that_lie(saved, content):
    (saved / "weights.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is no safetensors file") as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


def test_weights_longer_than_the_network_are_not_read(saved):
    with (saved / "weights.safetensors").open("ab") as file:
        file.truncate(2**36)  # a hole, which takes no space on the disk
    with pytest.raises(ModelError, match=r"is larger than \d+ bytes"):
        load_model(saved)


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors"])
def test_a_pipe_is_no_model(saved, name):
    (saved / name).unlink()
    os.mkfifo(saved / name)
    with pytest.raises(ModelError, match="is a named pipe"):
        load_model(saved)


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
