"""PatchNCE: closed forms, and patches where they are wanted."""

from math import exp, log

import pytest
import torch

from passband.generation.patch_contrast import PatchContrast, drawn_places, info_nce, place_weights


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_aligned_and_orthogonal_features_have_the_closed_form(temperature: float) -> None:
    features = torch.eye(6)[None].expand(3, -1, -1)
    wanted = log(1.0 + 5.0 * exp(-1.0 / temperature))
    assert float(info_nce(features, features, temperature)) == pytest.approx(wanted, rel=1e-5)


def test_features_that_say_nothing_cost_the_logarithm_of_the_patches() -> None:
    same = torch.ones(2, 6, 4) / 2.0
    assert float(info_nce(same, same, 0.07)) == pytest.approx(log(6.0), rel=1e-5)


def test_negatives_are_of_the_same_image_and_keys_of_the_same_place() -> None:
    # rejects a batch whose images are negatives of one another, and keys in another order
    features = torch.eye(4)[None].expand(2, -1, -1)
    swapped = features[:, [1, 0, 2, 3]]
    assert float(info_nce(features, swapped, 1.0)) > float(info_nce(features, features, 1.0)) + 0.4


def test_half_of_the_places_are_atoms_where_a_mask_says() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 10:14, 20:24] = 1.0
    weights = place_weights(torch.zeros(1, 1, 64, 64), mask)
    assert float(weights.sum()) == pytest.approx(1.0)
    assert float(weights[mask > 0].sum()) == pytest.approx(0.5, abs=1e-5)
    places = drawn_places(weights, (64, 64), 30, torch.Generator().manual_seed(0))[0]
    assert len(set(places.tolist())) == 30
    inside = mask.flatten()[places].sum()
    assert 8 <= int(inside) <= 16


def test_without_a_mask_places_are_where_the_image_varies() -> None:
    image = torch.zeros(1, 1, 64, 64)
    image[..., 40:, 40:] = torch.randn(24, 24, generator=torch.Generator().manual_seed(1))
    weights = place_weights(image, None)
    assert float(weights[..., 38:, 38:].sum()) > 0.55  # a half, and its share of the area
    even = place_weights(torch.ones(1, 1, 8, 8), None)
    torch.testing.assert_close(even, torch.full((1, 1, 8, 8), 1 / 64))


def test_small_maps_give_every_place_once() -> None:
    places = drawn_places(torch.full((2, 1, 16, 16), 1 / 256), (2, 2), 128, torch.Generator().manual_seed(0))
    assert places.sort(dim=1).values.tolist() == [[0, 1, 2, 3]] * 2


def test_an_identity_costs_less_than_a_translation_that_moves() -> None:
    torch.manual_seed(0)
    contrast = PatchContrast((1, 8), projection=8, patches=16, temperature=0.07)
    for head in contrast.heads:  # larger weights, as after some training
        for parameter in head.parameters():
            torch.nn.init.normal_(parameter)
    maps = [torch.randn(2, 1, 16, 16), torch.randn(2, 8, 8, 8)]
    weights = torch.full((2, 1, 16, 16), 1 / 256)
    with torch.no_grad():
        same = float(contrast(maps, maps, weights, torch.Generator().manual_seed(1)))
        moved = float(contrast(maps, [one.roll(3, -1) for one in maps], weights, torch.Generator().manual_seed(1)))
    assert same < 0.7 * moved
