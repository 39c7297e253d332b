"""A burned-in scale bar lies where it should, has the extremes of the image, and leaves the rest alone."""

import pytest
import torch

from passband.camera.scale_bar import Corner, ScaleBar, with_scale_bar

CORNERS: tuple[Corner, ...] = ("top left", "top right", "bottom left", "bottom right")


def grey(shape: tuple[int, int] = (100, 120)) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("corner", CORNERS)
def test_a_bar_is_a_rectangle_of_the_brightest_grey_in_its_corner(corner: Corner) -> None:
    image = grey()
    result = with_scale_bar(image, ScaleBar(corner=corner, length=0.25, thickness=0.04))
    rows, columns = torch.nonzero(result != image, as_tuple=True)
    assert (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1) == (4, 30)
    assert bool((result[rows, columns] == image.max()).all())
    # 3 % of the shorter side away from both borders
    assert int(rows.min()) == (3 if corner.startswith("top") else 100 - 3 - 4)
    assert int(columns.min()) == (3 if corner.endswith("left") else 120 - 3 - 30)


def test_a_dark_bar_on_a_box_has_both_extremes() -> None:
    image = grey()
    result = with_scale_bar(image, ScaleBar(length=0.25, thickness=0.04, bright=False, boxed=True))
    changed = result[result != image]
    assert set(changed.tolist()) <= {float(image.min()), float(image.max())}
    assert int((changed == image.min()).sum()) == 30 * 4
    assert int((changed == image.max()).sum()) == (30 + 4) * (4 + 4) - 30 * 4


def test_a_label_is_burned_in_above_the_bar() -> None:
    image = grey((200, 200))
    plain = with_scale_bar(image, ScaleBar(corner="bottom left", length=0.3))
    labelled = with_scale_bar(image, ScaleBar(corner="bottom left", length=0.3, label="5 nm"))
    rows = torch.nonzero((labelled != plain).any(dim=1))[:, 0]
    assert len(rows) >= 8
    assert int(rows.max()) < 200 - 6 - 4  # above the bar, 4 rows thick and 6 from the border
    assert bool((labelled[-10:-6, 6:66] == image.max()).all())


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (16, 16)])
def test_a_bar_larger_than_the_image_is_cut(shape: tuple[int, int]) -> None:
    result = with_scale_bar(grey(shape), ScaleBar(length=0.9, thickness=0.2, boxed=True, label="1000000 nm"))
    assert result.shape == shape


def test_the_image_is_not_edited() -> None:
    image = grey()
    before = image.clone()
    with_scale_bar(image, ScaleBar(label="5 nm"))
    assert torch.equal(image, before)
