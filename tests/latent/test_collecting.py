"""Patches of many frames are those of their atoms, on the disk, and their exploration is the same again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.description.sheets import flake

from passband.description.columns import AtomColumns
from passband.latent import exploration
from passband.latent.collecting import AtomFrame, PatchCollector, Shown, collect
from passband.latent.cutting import AtomWindow
from passband.latent.exploration import Exploration, explore, latent_columns, window_for
from passband.recipe import PassbandError

PIXEL = 0.2
SHOWN: tuple[Shown, ...] = ("network", "image")


def frame_of(positions: np.ndarray, number: int = 0, *, side: int = 120, noise: float = 0.0) -> AtomFrame:
    y, x = np.mgrid[:side, :side] * PIXEL
    image = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2.0 * 0.35**2)) for a, b in positions)
    image = image + noise * np.random.default_rng(number).normal(size=(side, side))
    count, ones = len(positions), np.ones(len(positions))
    columns = AtomColumns(
        positions[:, 0] / PIXEL, positions[:, 1] / PIXEL, np.zeros(count, np.intp), ones, ones, ones, ones, ones,
        ("C",), (PIXEL, PIXEL), (side, side),
    )  # fmt: skip
    return AtomFrame(number, columns, np.arange(count), image)


def sheet() -> np.ndarray:
    return flake(9, 10) + np.array([1.0, 1.0])


@pytest.mark.parametrize("shown", ["image", "atoms"])
def test_patches_are_about_their_atoms(tmp_path: Path, shown: str) -> None:
    # rejects patches in another order than their rows, windows cut by the border, and frames mixed up
    frames = [frame_of(sheet() + 0.1 * k, k) for k in range(3)]
    collector = PatchCollector(tmp_path / "p", AtomWindow(side=3.0, pixels=15), shown)  # type: ignore[arg-type]
    all_of_them = collect(iter(frames), [collector])
    patches = collector.patches()
    assert len(all_of_them.frame) == 3 * 180
    assert len(patches.images) + patches.left_out == 3 * 180
    assert patches.images.shape[1:] == (15, 15)
    for number in (0, 100, len(patches.images) - 1):
        one = frames[patches.frame[number]]
        atom = patches.atom[number]
        assert patches.places[number].tolist() == [one.columns.y[atom], one.columns.x[atom]]
        middle = np.unravel_index(np.argmax(patches.images[number]), (15, 15))
        assert middle == (7, 7)
    assert set(patches.kinds) == {"C"}


def test_maps_of_a_network_are_not_standardised_and_pixels_without_a_value_leave_atoms_out(tmp_path: Path) -> None:
    # rejects the image in the place of the map, its mean taken off, and NaN that spoils all atoms of a frame
    one = frame_of(sheet())
    assert one.image is not None
    seen = np.clip(one.image, 0.0, 1.0)
    collectors = {shown: PatchCollector(tmp_path / shown, AtomWindow(side=3.0, pixels=15), shown) for shown in SHOWN}
    holed = one.image.copy()
    y, x = round(one.columns.y[100]), round(one.columns.x[100])
    holed[y, x] = np.nan
    for collector in collectors.values():
        collector.add(one._replace(image=holed, seen=0.5 * seen))
    maps, images = (collectors[shown].patches() for shown in SHOWN)
    assert 0.0 <= maps.images.min() < 0.05
    assert 0.4 < maps.images.max() <= 0.5
    assert 100 in maps.atom
    assert 100 not in images.atom
    assert len(maps.images) - 30 < len(images.images) < len(maps.images)
    assert len(images.images) + images.left_out == len(sheet())


def test_few_patches_are_seen_a_thousand_times() -> None:
    # rejects 60 epochs of one step each, after which a decoder draws nothing
    assert [exploration._epochs(count) for count in (130, 1500, 10_000, 80_000)] == [1000, 67, 60, 8]


def test_classes_are_told_and_a_plain_autoencoder_stands_beside(tmp_path: Path) -> None:
    collector = PatchCollector(tmp_path / "p", AtomWindow(side=3.0, pixels=12), "atoms")
    one = frame_of(sheet())
    columns = replace(one.columns, classes=("N", "B"), label=np.arange(len(one.columns)) % 2)
    collector.add(one._replace(columns=columns))
    recipe = Exploration(shown="atoms", epochs=1, classes=True, plain=True)
    found = explore(collector.patches(), recipe, tmp_path / "out")
    assert found.told == ("B", "N")
    assert found.autoencoder.card.network.recipe.classes == 2
    assert {"ae1", "ae2"} <= set(latent_columns(found))
    alike = PatchCollector(tmp_path / "q", AtomWindow(side=3.0, pixels=12), "atoms")
    alike.add(one)
    with pytest.raises(PassbandError, match="are of class C, and classes are to be told"):
        explore(alike.patches(), recipe, tmp_path / "other")


def test_images_of_other_brightness_give_the_same_patches(tmp_path: Path) -> None:
    found = []
    for gain in (1.0, 40.0):
        one = frame_of(sheet())
        assert one.image is not None
        collector = PatchCollector(tmp_path / "p", AtomWindow(side=3.0, pixels=12), "image")
        collector.add(one._replace(image=gain * one.image + 7.0))
        found.append(np.array(collector.patches().images))
    np.testing.assert_allclose(*found, atol=1e-4)


def test_a_window_that_every_border_cuts_is_told(tmp_path: Path) -> None:
    collector = PatchCollector(tmp_path / "p", AtomWindow(side=30.0), "atoms")
    collector.add(frame_of(sheet()))
    with pytest.raises(PassbandError, match="use a smaller --window"):
        collector.patches()


def test_windows_have_about_the_pixels_of_the_image() -> None:
    assert window_for(None, 1.42, 0.3) == AtomWindow(side=7.1, pixels=24)
    assert window_for(20.0, 1.42, 0.2).pixels == 32
    assert window_for(2.0, 1.42, 0.5).pixels == 16


@pytest.mark.slow
def test_an_exploration_tells_the_sub_lattices_apart(tmp_path: Path) -> None:
    # rejects a symmetry of six, which sees no difference between them
    frames = [frame_of(sheet(), k, noise=0.1) for k in range(3)]
    collector = PatchCollector(tmp_path / "p", AtomWindow(side=5.0, pixels=16), "image")
    collect(frames, [collector])
    patches = collector.patches()
    found = explore(patches, Exploration(epochs=80, components=(1, 2, 4)), tmp_path / "models")
    assert found.symmetry == 3
    assert not found.collapsed
    second = patches.atom >= 90  # of the flake
    turn = np.exp(3j * found.latents.angle)
    apart = np.angle(turn[second].mean() / turn[~second].mean()) / 3.0
    assert abs(abs(apart) - np.pi / 3.0) < 0.05
    assert min(abs(turn[second].mean()), abs(turn[~second].mean())) > 0.9
    again = explore(patches, Exploration(epochs=80, components=(1, 2, 4)), tmp_path / "models")
    rows, others = latent_columns(found), latent_columns(again)
    for name, values in rows.items():
        np.testing.assert_array_equal(values, others[name])
    wanted = {"frame", "y_px", "x_px", "class", "gmm_class", "angle_rad", "shift_y_px", "shift_x_px", "z1", "z2"}
    assert wanted <= set(rows)
