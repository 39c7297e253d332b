"""The parts of the bound against known divergences, and that a turn of a patch is a turn of what is said of it."""

from collections.abc import Iterator
from math import log, pi

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tests.latent.scenes import lone_object, patches_of
from torch.distributions import Normal, kl_divergence

from passband.latent.angle_prior import NormalAngle, UniformAngle
from passband.latent.coordinates import pixel_grid, places_in_object
from passband.latent.encoders import polar_weights
from passband.latent.likelihood import BernoulliPixels, GaussianPixels
from passband.latent.rvae import RVAE, RotationInvariantVAE


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    torch.manual_seed(3)
    with torch.no_grad():
        yield


def network(**fields: object) -> RVAE:
    torch.manual_seed(1)
    return RVAE(RotationInvariantVAE.model_validate({"hidden": (16, 16), **fields}), (15, 15))


def test_places_are_half_windows_with_y_down() -> None:
    places = pixel_grid((3, 5))
    assert places.shape == (15, 2)
    assert places[0].tolist() == [-1.0, -0.5]
    assert places[4].tolist() == [1.0, -0.5]
    assert places[7].tolist() == [0.0, 0.0]


def test_an_object_is_turned_then_moved() -> None:
    # rejects a turn about another point than the object's own middle, and the opposite sense
    at = places_in_object(torch.tensor([[0.3, 0.2]]), torch.tensor([pi / 2]), torch.tensor([[0.1, 0.2]]), torch.ones(1))
    torch.testing.assert_close(at, torch.tensor([[[0.0, -0.2]]]))
    half = places_in_object(torch.tensor([[0.3, 0.2]]), torch.zeros(1), torch.zeros(1, 2), torch.full((1,), 2.0))
    torch.testing.assert_close(half, torch.tensor([[[0.15, 0.1]]]))


def test_divergences_are_those_of_the_textbook() -> None:
    mean, deviation = torch.tensor([0.4, -1.0]), torch.tensor([0.2, 0.05])
    expected = kl_divergence(Normal(mean, deviation), Normal(torch.zeros(2), torch.full((2,), 0.3)))
    torch.testing.assert_close(NormalAngle(sigma=0.3).divergence(mean, deviation), expected)
    prior = UniformAngle(symmetry=3)
    expected = log(2.0 * pi / 3.0) - Normal(mean, deviation).entropy()
    torch.testing.assert_close(prior.divergence(mean, deviation), expected)
    assert float(prior.divergence(mean[:1], torch.tensor([prior.widest()]))) == pytest.approx(0.0, abs=1e-6)


def test_likelihoods_are_densities() -> None:
    drawn, seen = torch.tensor([[0.3, -2.0]]), torch.tensor([[1.0, 0.25]])
    log_noise = torch.tensor(-0.5)
    expected = Normal(drawn, torch.exp(log_noise)).log_prob(seen)
    torch.testing.assert_close(GaussianPixels().log_likelihood(drawn, seen, log_noise), expected)
    told = Normal(drawn, torch.tensor(0.1)).log_prob(seen)
    torch.testing.assert_close(GaussianPixels(noise=0.1).log_likelihood(drawn, seen, log_noise), told)
    p = torch.sigmoid(drawn)
    expected = seen * torch.log(p) + (1.0 - seen) * torch.log(1.0 - p)
    torch.testing.assert_close(BernoulliPixels().log_likelihood(drawn, seen, log_noise), expected)


def test_some_pixels_stand_for_all_of_them() -> None:
    # rejects a part of the pixels that is not weighted up, or always the same part
    one = network(shift=None, angle=None, content=1)
    for parameter in one.encoder.parameters():
        parameter.data.zero_()
    images = torch.from_numpy(patches_of(lone_object, np.zeros(4), side=15))
    with torch.no_grad():
        some = torch.stack([one.bound(images, pixels=0.2).likelihood.mean() for _ in range(400)])
        whole = torch.stack([one.bound(images, pixels=1.0).likelihood.mean() for _ in range(400)])
    assert float(some.std()) > 2.0 * float(whole.std())
    assert float(some.mean()) == pytest.approx(float(whole.mean()), abs=4.0 * float(some.std()) / 20.0)


def test_polar_places_commute_with_a_quarter_turn() -> None:
    # rejects polar coordinates about a corner, and angles from y towards x
    weights = polar_weights((15, 15), 6, 48)
    image = torch.rand(15, 15)
    quarter = torch.rot90(image, -1)  # what lay along x lies along y then, which points down
    first, second = (one.reshape(1, -1) @ weights for one in (image, quarter))
    torch.testing.assert_close(second.reshape(6, 48), torch.roll(first.reshape(6, 48), 12, dims=1))
    torch.testing.assert_close(weights.sum(0), torch.ones(6 * 48))


@pytest.mark.parametrize("symmetry", [1, 3])
def test_the_equivariant_encoder_turns_with_the_patch(symmetry: int) -> None:
    # rejects an encoder that sees corners, and shifts that stay behind when the patch is turned
    one = network(angle={"kind": "uniform", "symmetry": symmetry}, content=2)
    image = torch.from_numpy(patches_of(lone_object, np.array([0.3]), side=15, noise=0.0))
    with torch.no_grad():
        before, after = one.posterior(image), one.posterior(torch.rot90(image, -1, (1, 2)))
    period = 2.0 * pi / symmetry
    difference = float(after.angle - before.angle - pi / 2.0)
    assert abs(difference - period * round(difference / period)) < 1e-4
    torch.testing.assert_close(after.content, before.content, atol=1e-5, rtol=1e-4)
    x, y = before.shift[0]
    extra = -(pi / 2.0 - float(after.angle - before.angle))  # the frame of the object, known up to its symmetry
    turned_x = np.cos(pi / 2 + extra) * x - np.sin(pi / 2 + extra) * y
    torch.testing.assert_close(after.shift[0, 0], turned_x, atol=1e-5, rtol=1e-4)


def test_known_classes_and_states_reach_the_drawing() -> None:
    one = network(classes=2, discrete=3, content=1)
    content = torch.zeros(2, 1)
    images = one.draw(content, classes=torch.tensor([0, 1]), states=torch.tensor([1, 1]))
    assert images.shape == (2, 15, 15)
    assert float((images[0] - images[1]).abs().max()) > 1e-3
    states = one.draw(content, classes=torch.tensor([0, 0]), states=torch.tensor([0, 2]))
    assert float((states[0] - states[1]).abs().max()) > 1e-3
    bound = one.bound(torch.rand(4, 15, 15), torch.tensor([0, 1, 0, 1]))
    assert 0.0 <= float(bound.state.min()) <= float(bound.state.max()) <= log(3) + 1e-6
    with pytest.raises(ValueError, match="give the class of each patch"):
        one.bound(torch.rand(4, 15, 15))


def test_what_is_switched_off_costs_nothing_and_moves_nothing() -> None:
    one = network(angle=None, shift=None, scale=None)
    bound = one.bound(torch.rand(4, 15, 15))
    assert float(bound.angle.abs().sum() + bound.shift.abs().sum() + bound.scale.abs().sum()) == 0.0
    on = network(scale=0.2).bound(torch.rand(4, 15, 15))
    assert float(on.angle.min()) > 0.0
    assert float(on.shift.min()) > 0.0
    assert float(on.scale.min()) > 0.0
    torch.testing.assert_close(on.total(0.0), on.likelihood)
    torch.testing.assert_close(on.total(), on.likelihood - on.angle - on.shift - on.scale - on.content)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"content": 0}, "content=0 leaves no latent"),
        ({"discrete": 1}, "discrete=1 is no choice"),
        ({"hidden": ()}, "must be one width or more"),
        ({"angle": {"kind": "uniform", "symmetry": 0}}, "greater than or equal to 1"),
        ({"shift": 0.0}, "greater than 0"),
    ],
)
def test_recipes_that_cannot_be(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RotationInvariantVAE.model_validate(fields)
