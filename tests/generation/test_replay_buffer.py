"""The buffer of generated images: filled first, then half of what is shown is old."""

import numpy as np
import pytest
import torch

from passband.generation.replay_buffer import ReplayBuffer


def numbered(first: int, count: int) -> torch.Tensor:
    return torch.arange(first, first + count, dtype=torch.float32)[:, None, None, None].expand(-1, 1, 2, 2).contiguous()


def test_it_is_filled_before_anything_old_is_shown() -> None:
    buffer = ReplayBuffer(6, 2)
    rng = np.random.default_rng(0)
    for step in range(2):
        images = numbered(3 * step, 3)
        torch.testing.assert_close(buffer.exchanged(images, seen=3 * step, rng=rng), images)
    torch.testing.assert_close(buffer.images, numbered(0, 6))


def test_half_of_what_is_shown_is_old_and_was_stored() -> None:
    buffer = ReplayBuffer(10, 2)
    rng = np.random.default_rng(1)
    old, stored = 0, {float(number) for number in range(10)}
    buffer.exchanged(numbered(0, 10), seen=0, rng=rng)
    for number in range(10, 2010):
        shown = float(buffer.exchanged(numbered(number, 1), seen=number, rng=rng)[0, 0, 0, 0])
        if shown != number:
            old += 1
            assert shown in stored
            stored.remove(shown)
            stored.add(float(number))
    assert old == pytest.approx(1000, abs=4 * np.sqrt(500))
    assert {float(image[0, 0, 0]) for image in buffer.images} == stored


def test_images_that_were_given_stay_as_they_were() -> None:
    buffer = ReplayBuffer(1, 2)
    rng = np.random.default_rng(2)
    for number in range(8):
        images = numbered(number, 1)
        buffer.exchanged(images, seen=number, rng=rng)
        torch.testing.assert_close(images, numbered(number, 1))


def test_no_capacity_shows_everything_new() -> None:
    buffer = ReplayBuffer(0, 2)
    images = numbered(5, 4)
    torch.testing.assert_close(buffer.exchanged(images, seen=100, rng=np.random.default_rng(0)), images)


def test_it_is_a_buffer_of_its_learner() -> None:
    assert set(ReplayBuffer(3, 2).state_dict()) == {"images"}
