import torch

from passband.generation.resampling import double, halve, smooth, with_borders


def image(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_constant_stays_one_up_to_the_borders() -> None:
    constant = torch.full((2, 3, 8, 8), 0.7, dtype=torch.float64)
    torch.testing.assert_close(double(constant), torch.full((2, 3, 16, 16), 0.7, dtype=torch.float64))
    torch.testing.assert_close(halve(constant), torch.full((2, 3, 4, 4), 0.7, dtype=torch.float64))
    torch.testing.assert_close(smooth(constant, padding=0), torch.full((2, 3, 5, 5), 0.7, dtype=torch.float64))


def test_a_ramp_stays_over_the_same_field_of_view() -> None:
    """Pixel k of n covers k to k + 1; a shift by half a pixel would show as an offset of the ramp."""
    ramp = (torch.arange(16, dtype=torch.float64) + 0.5).expand(1, 1, 16, 16)
    fine = (torch.arange(32, dtype=torch.float64) + 0.5) / 2.0
    torch.testing.assert_close(double(ramp)[0, 0, 0, 1:-1], fine[1:-1])
    coarse = 2.0 * torch.arange(8, dtype=torch.float64) + 1.0
    torch.testing.assert_close(halve(ramp)[0, 0, 0, 1:-1], coarse[1:-1])


def test_doubling_is_linear_interpolation_and_halving_its_transpose() -> None:
    small, large = image(1, 2, 6, 6), image(1, 2, 12, 12, seed=1)
    wanted = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(double(small), wanted)
    torch.testing.assert_close((double(small) * large)[..., 4:8, 4:8].shape, torch.Size([1, 2, 4, 4]))
    inner = torch.nn.functional.pad(small[..., 2:4, 2:4], (2, 2, 2, 2))  # away from the borders
    torch.testing.assert_close((double(inner) * large).sum(), 4.0 * (inner * halve(large)).sum())


def test_borders() -> None:
    row = torch.tensor([[[[1.0, 2.0, 3.0]]]]).expand(1, 1, 3, 3)
    assert with_borders(row, 2)[0, 0, 0].tolist() == [1, 1, 1, 2, 3, 3, 3]
    assert with_borders(row.mT, 1)[0, 0, :, 1].tolist() == [1, 1, 2, 3, 3]
