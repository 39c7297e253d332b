"""Weights on disk are those of the card, whole and finite, or they are refused before they are used."""

import hashlib
import json
import os
import pickle
import struct

import pytest
import torch
from safetensors.torch import load, save
from tests.fixtures.models import card, edited, lively_network
from torch import nn

from passband.segmentation.card import ModelCard, read_card
from passband.segmentation.model import load_model, save_model
from passband.segmentation.unet import UNetRecipe
from passband.segmentation.weights import ModelError, read_weights


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


def test_header_of_128_bytes_is_no_pickle(tmp_path):
    for name in ("n" * length for length in range(1, 200)):
        content = save({name: torch.zeros(2, 3)})
        if content[:1] == b"\x80":
            (tmp_path / "weights.safetensors").write_bytes(content)
            with pytest.raises(ModelError, match="does not fit the architecture"):  # it was read
                read_weights(
                    tmp_path / "weights.safetensors", UNetRecipe.preset("tiny"), hashlib.sha256(content).hexdigest()
                )
            return
    pytest.fail("no name gives such a header")


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


def rewritten(saved, change):
    """Change the tensors of a saved model and let its card vouch for them."""
    state = load((saved / "weights.safetensors").read_bytes())
    change(state)
    content = save(state)
    (saved / "weights.safetensors").write_bytes(content)
    edited(saved, weights_sha256=hashlib.sha256(content).hexdigest())


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
