"""The U-Net that looks at every pixel: size, sizes of images, fine detail, the folded copy, tiles."""

import numpy as np
import pytest
import torch

from passband.patches.preparing import Preparation
from passband.patches.symmetry import turned, upright
from passband.segmentation.card import ModelCard
from passband.segmentation.fine_unet import FineUNet, FineUNetRecipe, Level
from passband.segmentation.model import Model, load_model, save_model
from passband.segmentation.networks import named_architecture


def _network(name: str = "fringes-tiny") -> FineUNet:
    torch.manual_seed(0)
    network = FineUNetRecipe.preset(name).build()
    with torch.no_grad():  # as after some training: statistics and an answer of their own
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 2.0)
                module.weight.uniform_(0.5, 1.5)
        network.head.weight.normal_()
    return network.eval()


@pytest.mark.parametrize(("name", "most"), [("fringes", 0.6e6), ("fringes-wide", 2.5e6)])
def test_presets_are_small_enough_to_ship(name: str, most: float) -> None:
    recipe = named_architecture(name)
    assert recipe.parameters == sum(one.numel() for one in recipe.build().parameters())
    assert 0.2e6 < recipe.parameters <= most  # 4 bytes each, 10 MB at most


@pytest.mark.parametrize("shape", [(4, 4), (33, 70), (2, 3), (17, 128)])
def test_images_of_any_size_come_back(shape: tuple[int, int]) -> None:
    assert _network()(torch.randn(2, 1, *shape)).shape == (2, 2, *shape)


def test_a_pattern_of_single_pixels_is_seen() -> None:
    """Rejects a first level that halves the image by pooling: it cannot tell the two signs of a checkerboard."""
    network = _network()
    y, x = np.indices((32, 32))
    checks = torch.from_numpy(np.where((y + x) % 2, 1.0, -1.0).astype(np.float32))[None, None]
    with torch.inference_mode():
        plus, minus = (network.look(one)[..., ::2, ::2] for one in (checks, -checks))
    assert float((plus - minus).abs().max()) > 1e-2


def test_gain_and_offset_of_an_image_change_nothing() -> None:
    image = torch.randn(1, 1, 64, 64)
    torch.testing.assert_close(_network()(image), _network()(7.0 * image + 100.0), atol=1e-2, rtol=1e-2)


def test_the_folded_copy_is_equal_and_leaves_the_network_alone() -> None:
    network, image = _network(), torch.randn(1, 1, 64, 64)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded = network.folded()
    assert not any(isinstance(one, torch.nn.BatchNorm2d) for one in folded.modules())
    torch.testing.assert_close(folded.look(image), network.look(image), atol=1e-4, rtol=1e-4)
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())


def test_tiles_of_a_model_are_the_whole_image() -> None:
    """Rejects tiles that are prepared one by one: each would have a scale of its own."""
    network = _network()
    card = ModelCard(name="fine", architecture=network.recipe, classes=("background", "particle"), pixel_size=0.8)
    image = np.random.default_rng(0).normal(size=(300, 280)).astype(np.float32)
    image[:, 150:] *= 8.0
    image = turned(image, upright(image))
    whole = network(torch.from_numpy(image)[None, None]).softmax(dim=1)[0].detach().numpy()
    tiled = Model(network, card).predict(image, 0.8, patch=192, overlap=64)
    inner = (slice(None), slice(24, -24), slice(24, -24))
    np.testing.assert_allclose(tiled[inner], whole[inner], atol=2e-3)


def test_a_saved_network_comes_back(tmp_path) -> None:
    network = _network()
    recipe = network.recipe.model_copy(update={"preparation": Preparation(high_pass=None)})
    card = ModelCard(name="fine", architecture=recipe, classes=("background", "particle"), pixel_size=0.8)
    save_model(tmp_path, network, card)
    found = load_model(tmp_path)
    assert found.card.architecture == recipe
    assert found.card.architecture.features(found.network) is not None
    image = np.random.default_rng(1).normal(size=(40, 50))
    assert found.predict(image, 0.8).shape == (2, 40, 50)


def test_its_preparation_is_part_of_its_identity() -> None:
    recipe = FineUNetRecipe.preset("fringes")
    other = recipe.model_copy(update={"preparation": Preparation(high_pass=24.0)})
    assert recipe.identity != other.identity


def test_a_level_in_training_still_normalises() -> None:
    level = Level(1, 4, 2).train()
    out = level(5.0 + 3.0 * torch.randn(4, 1, 16, 16)).detach()
    assert float(out.mean()) == pytest.approx(0.4, abs=0.15)  # of a rectified normal distribution
    assert float(out.max()) < 8.0
