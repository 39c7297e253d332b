"""What is counted without computing is what a computation keeps."""

import pytest
import torch

from passband.segmentation.footprint import training_footprint
from passband.segmentation.losses import LossRecipe, segmentation_loss
from passband.segmentation.unet import UNetRecipe
from passband.training import TrainingRecipe

TINY = UNetRecipe.preset("tiny")
BOTH = LossRecipe(terms={"cross_entropy": 1.0, "dice": 0.5})


def really_kept(loss: LossRecipe, size: int, patch: int) -> int:
    """Bytes that a pass on the CPU keeps for the backward pass."""
    network = TINY.build()
    own = {one.data_ptr() for one in (*network.parameters(), *network.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    images, masks = torch.randn(size, 1, patch, patch), torch.zeros(size, patch, patch, dtype=torch.int64)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        value = segmentation_loss(network(images), masks, loss)
    assert value.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("loss", [LossRecipe(), BOTH])
@pytest.mark.parametrize(("size", "patch"), [(2, 64), (1, 96)])
def test_activations_are_those_of_a_real_pass(loss: LossRecipe, size: int, patch: int) -> None:
    one, two = (
        training_footprint(TINY, loss, TrainingRecipe(batch_size=size), patch=patch, count=count) for count in (1, 2)
    )
    assert two.step - one.step == pytest.approx(really_kept(loss, size, patch), rel=0.03)


def test_what_stays_is_weights_gradients_and_copies() -> None:
    network = TINY.build()
    parameters = 4 * sum(one.numel() for one in network.parameters())
    weights = sum(tensor.nbytes for tensor in network.state_dict().values())

    def resident(**recipe: object) -> int:
        return training_footprint(TINY, BOTH, TrainingRecipe.model_validate(recipe), patch=32).resident

    assert resident(optimiser="adam") == weights + 3 * parameters
    assert resident(optimiser="sgd", momentum=0.9) == weights + 2 * parameters
    assert resident(optimiser="sgd", momentum=0.0) == weights + parameters
    assert resident(optimiser="adamw", average=0.9, keep="best") == 3 * weights + 3 * parameters
    several = training_footprint(TINY, BOTH, TrainingRecipe(), patch=32, count=5)
    assert several.resident == 5 * resident(optimiser="adam")
    assert several.checkpoint == 5 * (weights + 2 * parameters)
    assert several.peak >= several.resident + several.step


def test_the_paper_network_is_counted_without_being_made() -> None:
    found = training_footprint(
        UNetRecipe.preset("paper"), LossRecipe(), TrainingRecipe(batch_size=1024), patch=4096, count=256
    )
    assert found.weights == pytest.approx(4 * 14.3e6, rel=0.01)
    assert found.peak > 1e14  # more than any machine has
