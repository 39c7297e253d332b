"""Segment Anything by transformers: official weights give the official masks, and what is no such file is one line."""

import io
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import save_file
from tests.fixtures.command_line import Run
from tests.fixtures.official_sam import EVERY, SIDE, drawn_pixels, drawn_state, official

from passband.recipe import PassbandError
from passband.zero_shot.prompts import Prompt
from passband.zero_shot.proposers import ProposerOptions, find_proposer
from passband.zero_shot.sam.generator import SamProposer
from passband.zero_shot.sam.recipe import SamRecipe
from passband.zero_shot.weights.cache import WeightsError
from passband.zero_shot.weights.catalogue import WEIGHTS

pytest.importorskip("transformers", reason="the extra sam is not installed")

import transformers

from passband.zero_shot.sam.torch_sam import TorchSam, load_sam

SHAPES: dict[str, list[int]] = official()["shapes"]
PROMPTS = {
    "point": ([[20, 30]], [1]),
    "point and place to avoid": ([[20, 30], [50, 12]], [1, 0]),
    "box": ([[8, 10], [50, 60]], [2, 3]),
    "point in a box": ([[20, 30], [8, 10], [50, 60]], [1, 2, 3]),
}


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return drawn_state(SHAPES)


@pytest.fixture(scope="module")
def checkpoint(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sam") / "tiny.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> TorchSam:
    return load_sam("sam", checkpoint)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path / "cache"))


def answered(network: TorchSam, kind: str, embedding: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    places, labels = PROMPTS[kind]
    masks, quality = network.decode(
        embedding, np.array([places], dtype=np.float32), np.array([labels]), several=kind == "point"
    )
    return masks[0].flatten(1)[:, ::EVERY].numpy(), quality[0].numpy()


# -- the official layout -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PROMPTS)
def test_official_weights_give_the_official_masks(network: TorchSam, kind: str) -> None:
    # values up to 0.4; a wrong ε of the decoder's norms moves them by 0.3 %, a wrong name of a tensor by all
    masks, quality = answered(network, kind, network.encode(drawn_pixels()))
    expected = official()["answers"][kind]
    assert network.side == SIDE
    np.testing.assert_allclose(masks, expected["masks"], atol=1e-5)
    np.testing.assert_allclose(quality, expected["quality"], atol=1e-5)


def test_prompts_of_a_batch_are_answered_as_alone(network: TorchSam) -> None:
    embedding = network.encode(drawn_pixels())
    places = np.random.default_rng(2).uniform(0, SIDE, (5, 1, 2)).astype(np.float32)
    labels = np.ones((5, 1), dtype=np.int64)
    together, quality = network.decode(embedding, places, labels, several=True)
    for number in range(5):
        alone, one = network.decode(embedding, places[number : number + 1], labels[:1], several=True)
        torch.testing.assert_close(alone[0], together[number], atol=1e-5, rtol=0.0)
        torch.testing.assert_close(one[0], quality[number], atol=1e-5, rtol=0.0)


def test_a_folder_of_hugging_face_is_the_same_network(network: TorchSam, tmp_path: Path) -> None:
    network._model.save_pretrained(tmp_path / "folder")
    other = load_sam("sam", tmp_path / "folder")
    embedding = network.encode(drawn_pixels())
    assert torch.equal(other.encode(drawn_pixels()), embedding)
    for kind in PROMPTS:
        np.testing.assert_array_equal(answered(other, kind, embedding)[0], answered(network, kind, embedding)[0])


def test_half_precision_is_near_and_has_embeddings_of_its_own(network: TorchSam, checkpoint: Path) -> None:
    half = load_sam("sam", checkpoint, precision="bfloat16")
    assert half.identity != network.identity
    embedding, exact = half.encode(drawn_pixels()), network.encode(drawn_pixels())
    assert embedding.dtype == torch.float32
    assert 1e-6 < (embedding - exact).abs().max() < 0.1 * exact.abs().max()  # 8 bits of mantissa, some ten layers
    masks, _ = answered(half, "point", exact)
    expected, _ = answered(network, "point", exact)
    assert np.abs(masks - expected).max() < 0.1 * np.abs(expected).max()


def test_a_tiny_network_proposes_from_end_to_end(checkpoint: Path) -> None:
    image = np.random.default_rng(3).normal(size=(70, 90)).astype(np.float32)
    recipe = SamRecipe.model_validate(
        {"points_per_side": 3, "crop_layers": 1, "filters": {"quality": 0.0, "stability": 0.0}}
    )
    proposer = find_proposer("sam", ProposerOptions(sam=recipe, weights=checkpoint))
    seen = proposer.embed(image)
    found = seen.everything()
    assert (found.shape, found.grid, proposer.name) == ((70, 90), (70, 90), "sam")
    assert set(found.source) <= {"sam"}
    assert len(seen.answer(Prompt(points=((3.0, 80.0),)))) == 3
    assert len(seen.answer(Prompt(points=((3.0, 80.0),), avoid=((9.0, 9.0),), box=(0.0, 50.0, 60.0, 90.0)))) == 1


def test_the_command_takes_a_tiny_network(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.tif"
    tifffile.imwrite(image, np.random.default_rng(3).normal(size=(70, 90)).astype(np.float32))
    asked = ("zeroshot", image, "-o", tmp_path / "out", "--proposals", "sam", "--device", "cpu", "-q", "--weights")
    told = run(*asked, checkpoint, "--json")
    assert told.code == 0, told.err
    (row,) = json.loads(told.out)["images"]
    assert tifffile.imread(row["labels"]).shape == (70, 90)
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(checkpoint.read_bytes()[:1000])
    refused = run(*asked, damaged)
    assert refused.code == 2
    assert len(refused.err.splitlines()) == 1
    assert "is no checkpoint, or damaged" in refused.error_lines[0]


def test_neither_torchvision_nor_timm_is_imported(network: TorchSam) -> None:
    assert not {"torchvision", "timm"} & set(sys.modules)


# -- Segment Anything 2 ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Segment Anything 2 with random weights, as a folder."""
    backbone = {
        "hidden_size": 16,
        "num_attention_heads": 1,
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [16, 32, 64, 128],
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 8, 4],
        "global_attention_blocks": [3],
        "image_size": [128, 128],
        "window_positional_embedding_background_size": [4, 4],
        "model_type": "sam2_hiera_det_model",
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [128, 64, 32, 16],
        "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        "model_type": "sam2_vision_model",
    }
    config = transformers.Sam2Config(vision_config=vision, prompt_encoder_config={"image_size": 128})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.Sam2Model(config).eval()
    folder = tmp_path_factory.mktemp("sam2") / "tiny"
    model.save_pretrained(folder)
    return folder


def test_the_second_segment_anything_stands_behind_the_same_interface(second: Path) -> None:
    network = load_sam("sam", second)
    assert (network.side, network.stretches) == (128, True)
    pixels = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    places = torch.tensor([[[[30.0, 70.0]], [[90.0, 20.0]]]])
    with torch.inference_mode():
        expected = network._model(pixel_values=pixels, input_points=places)
    masks, quality = network.decode(
        network.encode(pixels), places[0].numpy(), np.ones((2, 1), dtype=np.int64), several=True
    )
    torch.testing.assert_close(masks, expected.pred_masks[0])
    torch.testing.assert_close(quality, expected.iou_scores[0])
    image = np.random.default_rng(3).normal(size=(70, 90)).astype(np.float32)
    proposer = SamProposer(network, SamRecipe())
    assert len(proposer.embed(image).answer(Prompt(box=(0.0, 50.0, 60.0, 90.0)))) == 1
    again = proposer.embed(image)  # from the cache
    assert torch.equal(again.whole, proposer.embed(image).whole)


# -- bad files ---------------------------------------------------------------------------------------------------------


def written(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (open, ("harm", "w"))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Harmful()))
    for path in (written(tmp_path / "harmful.pth", {"image_encoder.x": Harmful()}), tmp_path / "plain.pth"):
        with pytest.raises(WeightsError, match="is no checkpoint, or damaged"):
            load_sam("sam", path)
    assert not (tmp_path / "harm").exists()


def test_damaged_and_foreign_files_are_one_line(
    tmp_path: Path, checkpoint: Path, state: dict[str, torch.Tensor]
) -> None:
    content = checkpoint.read_bytes()
    cut, empty = tmp_path / "cut.pth", tmp_path / "empty.pth"
    cut.write_bytes(content[: len(content) // 2])
    empty.write_bytes(b"")
    encoder = "image_encoder.blocks.0.mlp.lin1.weight"
    less = {name: tensor for name, tensor in state.items() if not name.endswith("iou_token.weight")}
    other = state | {"mask_decoder.mask_tokens.weight": torch.zeros(5, 256)}
    nan = state | {encoder: torch.full_like(state[encoder], torch.nan)}
    for path, said in (
        (cut, "is no checkpoint, or damaged"),
        (empty, "is no checkpoint, or damaged"),
        (tmp_path / "missing.pth", "is no file"),
        (written(tmp_path / "list.pth", [1, 2]), "no plain list of tensors"),
        (written(tmp_path / "foreign.pth", {"conv.weight": torch.zeros(3)}), r"it has no image_encoder\.\* tensors"),
        (written(tmp_path / "part.pth", {"image_encoder.pos_embed": torch.zeros(1, 4, 4, 32)}), "or a part of one"),
        (written(tmp_path / "less.pth", less), "lacks mask_decoder.iou_token.weight"),
        (written(tmp_path / "shape.pth", other), "has of another shape mask_decoder.mask_tokens.weight"),
        (written(tmp_path / "more.pth", state | {"more": torch.zeros(1)}), "has besides more"),
        (written(tmp_path / "nan.pth", nan), "vision_encoder.layers.0.mlp.lin1.weight holds NaN"),
    ):
        with pytest.raises(WeightsError, match=said) as caught:
            load_sam("sam", path)
        assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_size_is_told_what_it_is(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match=r"is an encoder of 32 channels, not ViT-B; write --proposals sam$"):
        load_sam("sam-b", checkpoint)
    with pytest.raises(WeightsError, match="passband weights fetch sam-l"):
        load_sam("sam-l")
    with pytest.raises(WeightsError, match="sam has no weights of its own"):
        find_proposer("sam")


def test_a_file_called_like_an_official_one_must_be_it(tmp_path: Path, checkpoint: Path) -> None:
    path = tmp_path / WEIGHTS["sam-b"].files[0].name
    path.write_bytes(checkpoint.read_bytes())
    with pytest.raises(WeightsError, match="it is cut"):
        load_sam("sam-b", path)


def test_folders_without_safetensors_or_of_other_models_are_one_line(
    tmp_path: Path, network: TorchSam, state: dict[str, torch.Tensor]
) -> None:
    folder = tmp_path / "folder"
    network._model.config.save_pretrained(folder)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    (folder / "pytorch_model.bin").write_bytes(buffer.getvalue())
    with pytest.raises(WeightsError, match=r"lacks config\.json or model\.safetensors"):
        load_sam("sam", folder)
    save_file({"a": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(WeightsError, match="it lacks "):
        load_sam("sam", folder)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(WeightsError, match="a model of type bert; sam and sam2 are known"):
        load_sam("sam", folder)
    (folder / "model.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_sam("sam", folder)


def test_a_missing_package_says_its_cure(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(PassbandError, match=r"pip install 'passband\[sam\]'"):
        load_sam("sam", checkpoint)
