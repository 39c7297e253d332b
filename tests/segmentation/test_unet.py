"""The residual U-Net: size, reach, gradients, any image size."""

import pytest
import torch

from passband.segmentation.unet import STRIDE, UNetRecipe


def network(name, **options):
    torch.manual_seed(0)
    return UNetRecipe.preset(name, **options).build()


def counted_by_hand(stem, encoder, decoder, blocks, classes=2):
    """Convolutions and normalisations of arXiv 2512.09067's network, layer by layer, written without torch."""
    total = 2 + 49 * stem + 2 * stem  # input norm, 7×7 entry, its norm
    width = stem
    for out in encoder:
        total += 2 * width + 9 * width * out + 2 * out + 9 * out * out + width * out  # first block with its projection
        total += (blocks - 1) * (2 * out + 9 * out * out + 2 * out + 9 * out * out)
        width = out
    total += 2 * width
    for skip, out in zip((*encoder[2::-1], stem, 0), decoder, strict=True):
        total += 9 * (width + skip) * out + 2 * out + 9 * out * out + 2 * out
        width = out
    return total + 9 * width * classes + classes


@pytest.mark.parametrize(("name", "count"), [("paper", 14_324_516), ("small", 574_372), ("tiny", 93_436)])
def test_parameter_count(name, count):
    recipe = UNetRecipe.preset(name)
    assert counted_by_hand(recipe.stem, recipe.encoder, recipe.decoder, recipe.blocks) == count
    assert sum(one.numel() for one in recipe.build().parameters()) == count


@pytest.mark.parametrize("shape", [(32, 32), (64, 96), (1, 1), (33, 70), (50, 31)])
def test_any_image_size_comes_back(shape):
    out = network("tiny", classes=3)(torch.randn(2, 1, *shape))
    assert out.shape == (2, 3, *shape)


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_gradients_reach_every_parameter(name):
    net = network(name)
    net(torch.randn(2, 1, 64, 64)).square().sum().backward()
    silent = [label for label, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_every_decoder_level_but_the_last_hears_the_encoder():
    net, heard = network("tiny"), []
    for level in net.decoder:
        level.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[1]))
    net(torch.randn(1, 1, 64, 64))
    assert [skip.shape[1:] for skip in heard[:4]] == [(32, 4, 4), (16, 8, 8), (8, 16, 16), (8, 32, 32)]
    assert heard[4] is None
    assert all(skip.abs().sum() > 0 for skip in heard[:4])


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_one_pixel_sees_eighty_and_more_around_it(name):
    net = network(name).eval()
    image = torch.randn(1, 1, 256, 256, requires_grad=True)
    net(image)[0, 0, 128, 128].backward()
    rows = image.grad[0, 0].abs().sum(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 >= 160


def test_moving_the_image_by_the_stride_moves_the_answer():
    net = network("tiny").eval().double()
    image = torch.randn(1, 1, 480, 480, dtype=torch.float64)
    moved = net(image.roll(STRIDE, dims=-1))
    far = slice(192, 288)  # beyond the reach of the border, 161 pixels
    expected = net(image)[..., far, far]
    torch.testing.assert_close(moved[..., far, 192 + STRIDE : 288 + STRIDE], expected, rtol=1e-9, atol=1e-12)


def test_input_is_left_alone_and_batch_equals_loop():
    net = network("tiny").eval()
    images = torch.randn(3, 1, 64, 64)
    before = images.clone()
    together = net(images)
    assert torch.equal(images, before)
    one_by_one = torch.cat([net(image[None]) for image in images])
    torch.testing.assert_close(together, one_by_one, rtol=1e-4, atol=1e-6)


def test_same_seed_same_network_and_undecided_start():
    first, second = network("tiny"), network("tiny")
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name
    assert first.eval()(torch.randn(1, 1, 64, 64)).softmax(1)[:, 1].sub(0.5).abs().max() < 0.3


def test_recipes_that_make_no_network():
    with pytest.raises(ValueError, match="preset='huge' is unknown; choose one of paper, small, tiny"):
        UNetRecipe.preset("huge")
    with pytest.raises(ValueError, match="a level without channels"):
        UNetRecipe(encoder=(8, 0, 8, 8))
    with pytest.raises(ValueError, match="greater than or equal to 2"):
        UNetRecipe(classes=1)
