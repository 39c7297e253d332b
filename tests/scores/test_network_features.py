"""Features of networks of others: of the right file alone, each picture for itself, with the published layers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from passband.scores import inception_features
from passband.scores.extractors import find_extractor
from passband.scores.folded_layers import EPSILON, FoldedLayers
from passband.scores.imagenet_features import imagenet_extractor, same
from passband.scores.inception_features import BLOCKS, inception_extractor, pooled, shapes
from passband.zero_shot.weights.cache import WeightsError

CROPS = np.random.default_rng(0).normal(size=(2, 32, 32)).astype(np.float32)


def normalisation(stem: str, channels: int, generator: torch.Generator) -> dict[str, Tensor]:
    return {
        f"{stem}.weight": torch.rand(channels, generator=generator) + 0.5,
        f"{stem}.bias": torch.randn(channels, generator=generator),
        f"{stem}.running_mean": torch.randn(channels, generator=generator),
        f"{stem}.running_var": torch.rand(channels, generator=generator) + 0.5,
    }


def test_folding_is_convolution_and_batch_normalisation() -> None:
    generator = torch.Generator().manual_seed(0)
    state = {"a.conv.weight": torch.randn((6, 4, 3, 3), generator=generator), **normalisation("a.bn", 6, generator)}
    layers = FoldedLayers(state, "file")
    layers.fold("a", "a.conv", "a.bn", (6, 4, 3, 3))
    images = torch.randn((2, 4, 9, 8), generator=generator)
    convolution, norm = torch.nn.Conv2d(4, 6, 3, padding=1, bias=False), torch.nn.BatchNorm2d(6, eps=EPSILON).eval()
    convolution.load_state_dict({"weight": state["a.conv.weight"]})
    norm.load_state_dict({name.removeprefix("a.bn."): one for name, one in state.items() if "bn" in name}, strict=False)
    torch.testing.assert_close(
        layers.convolved("a", images, padding=(1, 1)), norm(convolution(images)), rtol=1e-4, atol=1e-4
    )


def test_inception_has_as_many_parameters_as_was_published() -> None:
    """Inception v3 with 1000 classes and no auxiliary head has 23,834,568."""
    convolutions = sum(int(np.prod(shape)) + 2 * shape[0] for _, shape in shapes())
    assert convolutions + 2048 * 1000 + 1000 == 23_834_568
    assert len(list(shapes())) == 94


def test_averages_leave_the_border_out_and_the_last_block_takes_the_maximum() -> None:
    """As the network of 2015 does; torchvision's own counts zeros around the image."""
    assert pooled(torch.ones(1, 1, 4, 4), "average").unique().tolist() == [1.0]
    assert [branch.pool for branch in BLOCKS[-1].branches] == ["", "", "", "maximum"]
    assert pooled(torch.arange(9.0).reshape(1, 1, 3, 3), "maximum")[0, 0].tolist() == [[4, 5, 5], [7, 8, 8], [7, 8, 8]]


def test_padding_is_that_of_tensorflow() -> None:
    """Of an even side and stride 2, one pixel behind and none before: the middle of the kernel meets pixels 1, 3, …"""
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 1] = 1.0
    state = {"c.weight": weight, "n.weight": torch.ones(1), "n.bias": torch.zeros(1)}
    state |= {"n.running_mean": torch.zeros(1), "n.running_var": torch.ones(1) - EPSILON}
    layers = FoldedLayers(state, "file")
    layers.fold("a", "c", "n", (1, 1, 3, 3))
    row = torch.arange(8.0).expand(1, 1, 8, 8)
    assert same(layers, "a", row, 3, 2)[0, 0, 0].tolist() == pytest.approx([1, 3, 5, 7])
    assert same(layers, "a", row[..., :7, :7], 3, 2)[0, 0, 0].tolist() == pytest.approx([0, 2, 4, 6])
    assert same(layers, "a", row, 3, 1)[0, 0, 0].tolist() == pytest.approx(range(8))


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layers of the network of FID with random numbers, half of them the same."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    for name, shape in shapes():
        state[f"{name}.conv.weight"] = torch.full(shape, 1.0 / np.prod(shape[1:])) * (
            1.0 + torch.randn((shape[0], 1, 1, 1), generator=generator)
        )
        state |= {f"{name}.bn.{part}": torch.ones(shape[0]) for part in ("weight", "running_var")}
        state |= {f"{name}.bn.{part}": torch.zeros(shape[0]) for part in ("bias", "running_mean")}
    path = tmp_path_factory.mktemp("weights") / "pt_inception.pth"
    torch.save(state, path)
    return path


def test_a_distance_is_fid_with_one_file_alone(inception_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="not with 6726825d"):
        inception_extractor(str(inception_file))
    monkeypatch.setattr(inception_features, "SHA256", "")
    extractor = find_extractor(f"inception={inception_file}")
    assert (extractor.name, extractor.title) == ("inception", "FID")
    together, alone = extractor.features(CROPS), extractor.features(CROPS[1:])
    assert together.shape == (2, 2048)
    np.testing.assert_allclose(together[1], alone[0], rtol=1e-4, atol=1e-6)
    assert np.abs(together[0] - together[1]).max() > 1e-6


def lite_state() -> dict[str, Tensor]:
    """Tensors with the names and shapes of those in `efficientnet-lite0-57934424.pth`, as far as they are needed."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def add(convolution: str, norm: str, shape: tuple[int, ...]) -> None:
        state[f"{convolution}.weight"] = torch.randn(shape, generator=generator) / np.sqrt(np.prod(shape[1:]))
        state.update(normalisation(norm, shape[0], generator))

    add("_conv_stem", "_bn0", (32, 3, 3, 3))
    widths = [16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
    kernels = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
    for number, (before, after, kernel) in enumerate(zip([32, *widths], widths, kernels, strict=False)):
        stem, wide = f"_blocks.{number}", before * (6 if number else 1)
        if number:
            add(f"{stem}._expand_conv", f"{stem}._bn0", (wide, before, 1, 1))
        add(f"{stem}._depthwise_conv", f"{stem}._bn1", (wide, 1, kernel, kernel))
        add(f"{stem}._project_conv", f"{stem}._bn2", (after, wide, 1, 1))
    return state


def test_the_layers_of_the_wheel_are_known_by_name_and_shape(tmp_path: Path) -> None:
    torch.save(lite_state(), tmp_path / "lite.pth")
    extractor = find_extractor(f"imagenet={tmp_path / 'lite.pth'}")
    together, alone = extractor.features(CROPS), extractor.features(CROPS[1:])
    assert together.shape == (2, 320)
    np.testing.assert_allclose(together[1], alone[0], rtol=1e-3, atol=1e-4)
    assert (extractor.name, extractor.title) == ("imagenet", "FD-imagenet")


def test_another_network_is_refused(tmp_path: Path) -> None:
    state = lite_state()
    path = tmp_path / "other.pth"
    for name, tensor, said in (
        ("_blocks.3._depthwise_conv.weight", torch.zeros(144, 1, 3, 3), r"has the shape \(144, 1, 3, 3\), and"),
        ("_blocks.15._bn2.running_var", None, "is not there"),
    ):
        changed = {key: one for key, one in state.items() if key != name} | ({} if tensor is None else {name: tensor})
        torch.save(changed, path)
        with pytest.raises(WeightsError, match=said):
            imagenet_extractor(str(path))
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(WeightsError, match="damaged"):
        imagenet_extractor(str(path))
    with pytest.raises(WeightsError, match="name the weights of EfficientNet"):
        find_extractor("imagenet")
