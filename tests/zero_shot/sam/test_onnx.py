"""MobileSAM on onnxruntime: inner results are offered, and, where the weights are here, real masks of a drawn scene."""

from pathlib import Path

import numpy as np
import pytest

from passband.zero_shot.prompts import Prompt
from passband.zero_shot.sam.generator import SamProposer
from passband.zero_shot.sam.recipe import SamRecipe
from passband.zero_shot.weights.cache import WeightsError, find_weights, weights_folder
from passband.zero_shot.weights.catalogue import WEIGHTS

pytest.importorskip("onnxruntime", reason="the extra sam-onnx is not installed")

from passband.zero_shot.sam import onnx
from passband.zero_shot.sam.onnx import OnnxSam


@pytest.fixture(scope="module")
def mobile_sam() -> OnnxSam:
    try:
        find_weights(WEIGHTS["mobile-sam"])
    except WeightsError as error:
        pytest.skip(str(error))
    return OnnxSam()


def tiny_model() -> bytes:
    """ONNX for y = -relu(x) of three numbers, in which r = relu(x) is an inner result."""

    def text(number: int, value: str) -> bytes:
        return onnx._field(number, value.encode())

    def node(kind: str, source: str, result: str) -> bytes:
        return onnx._field(1, text(1, source) + text(2, result) + text(4, kind))

    shape = onnx._field(2, onnx._field(1, b"\x08\x03"))  # one dimension of 3
    tensor = onnx._field(1, b"\x08\x01" + shape)  # of float32
    graph = node("Relu", "x", "r") + node("Neg", "r", "y") + text(2, "tiny")
    graph += onnx._field(11, text(1, "x") + onnx._field(2, tensor))
    graph += onnx._field(12, text(1, "y") + onnx._field(2, tensor))
    return b"\x08\x08" + onnx._field(8, b"\x10\x11") + onnx._field(7, graph)  # IR 8, operators 17


def test_inner_results_are_offered_beside_the_others() -> None:
    x = np.array([-1.0, 0.0, 2.0], dtype=np.float32)
    session = onnx._session(onnx._with_outputs(tiny_model(), ("r",)))
    assert [one.name for one in session.get_outputs()] == ["y", "r"]
    r, y = session.run(["r", "y"], {"x": x}, onnx._asked_alone())
    assert r.tolist() == [0.0, 0.0, 2.0]
    assert (-r == y).all()


def test_lengths_beyond_one_byte_are_written_in_groups_of_seven_bits() -> None:
    assert onnx._field(7, b"a" * 300)[:3] == bytes([0x3A, 0xAC, 0x02])  # 300 = 2 · 128 + 44
    assert onnx._field(1, b"")[:2] == bytes([0x0A, 0x00])


def test_a_file_that_is_not_the_publishers_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path))
    monkeypatch.setattr(onnx, "_session", lambda model: pytest.fail("was opened"))
    weights = WEIGHTS["mobile-sam"]
    weights_folder(weights).mkdir(parents=True)
    for file in weights.files:
        with (weights_folder(weights) / file.name).open("wb") as written:
            written.truncate(file.size)
    with pytest.raises(WeightsError, match=r"encoder\.onnx is not encoder\.onnx \(SHA-256"):
        OnnxSam()


# -- real weights, where they are here ---------------------------------------------------------------------------------


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipse on grey with noise, and its mask."""
    y, x = np.mgrid[:200, :280] + 0.5
    mask = ((y - 80) / 40) ** 2 + ((x - 170) / 60) ** 2 < 1
    return (mask + np.random.default_rng(0).normal(0.0, 0.1, mask.shape)).astype(np.float32), mask


def test_a_point_a_box_and_a_place_to_avoid(mobile_sam: OnnxSam) -> None:
    image, mask = drawn()
    embedding = SamProposer(mobile_sam, SamRecipe()).embed(image)
    prompts = [
        Prompt(points=((80.0, 170.0),)),
        Prompt(box=(38.0, 108.0, 122.0, 232.0)),
        Prompt(points=((80.0, 150.0), (90.0, 200.0)), avoid=((180.0, 30.0),)),
        Prompt(points=((80.0, 150.0),), box=(38.0, 108.0, 122.0, 232.0)),
    ]
    for prompt, count in zip(prompts, (3, 1, 1, 1), strict=True):
        found = embedding.answer(prompt)
        assert len(found) == count
        best = max((one & mask).sum() / (one | mask).sum() for one in found.masks)
        assert best > 0.93  # a mask half a cell of 280/256 pixels too wide all round: 0.98; x for y: 0


def test_all_four_masks_are_those_of_the_graph(mobile_sam: OnnxSam) -> None:
    # the graph itself gives the one mask that it prefers, and its quality
    image, _ = drawn()
    embedding = SamProposer(mobile_sam, SamRecipe()).embed(image).whole
    places, labels = np.array([[[620.0, 300.0]]], dtype=np.float32), np.ones((1, 1), dtype=np.int64)
    several, quality = mobile_sam.decode(embedding, places, labels, several=True)
    single, _ = mobile_sam.decode(embedding, places, labels, several=False)
    assert (several.shape, single.shape) == ((1, 3, 256, 256), (1, 1, 256, 256))
    fed = {
        "image_embeddings": embedding.numpy(),
        "point_coords": np.array([[[620.0, 300.0], [0.0, 0.0]]], dtype=np.float32),
        "point_labels": np.array([[1.0, -1.0]], dtype=np.float32),
        "mask_input": np.zeros((1, 1, 256, 256), dtype=np.float32),
        "has_mask_input": np.zeros(1, dtype=np.float32),
        "orig_im_size": np.full(2, 64.0, dtype=np.float32),
    }
    predicted, low = mobile_sam._decoder.run(["iou_predictions", "low_res_masks"], fed)
    best = int(quality[0].argmax())
    assert float(quality[0, best]) == pytest.approx(float(predicted[0, 0]), abs=1e-5)
    np.testing.assert_allclose(several[0, best].numpy(), low[0, 0], atol=1e-4)
