"""The sets of cross-sections: the same bytes each time, no material of one that the other chooses by, honest labels."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from passband.experiment.plan_files import PlanError
from passband.recipe import PassbandError
from studies.zero_shot.benchmark import LabelledImage, labelled_image, read_set, recipes
from studies.zero_shot.difficulty import difficulty, distance, nearest_neighbours

TINY = """
plan = "interfaces"
changes = ["simulation.specimens.thickness=40.0", "simulation.specimens.film_thickness=10.0"]

[[groups]]
name = "tiny"
images = 2
seed = 3
patch = 128
pixel_size = 0.3
changes = [
  "simulation.specimens.materials={}",
  "simulation.specimens.substrates=['Ge']",
  "simulation.specimens.films=['SrTiO3']",
  "simulation.specimens.capped=1.0",
  "simulation.specimens.roughness=0.0",
  "simulation.specimens.steps=0",
]
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.toml"
    file.write_text(TINY.format(2), encoding="utf-8")
    return file


def test_images_are_the_same_bytes_in_any_order(tiny: Path, tmp_path: Path) -> None:
    first, second = read_set(tiny)
    one = labelled_image(first, tmp_path / "one")
    labelled_image(second, tmp_path / "other")
    again = labelled_image(first, tmp_path / "other")
    digests = [hashlib.sha256(shown.image.tobytes() + shown.labels.tobytes()).hexdigest() for shown in (one, again)]
    assert digests[0] == digests[1]
    kept = labelled_image(first, tmp_path / "one")  # now read from the folder
    np.testing.assert_array_equal(kept.image, one.image)


def test_labels_number_the_materials_that_are_shown(tiny: Path, tmp_path: Path) -> None:
    shown = labelled_image(read_set(tiny)[0], tmp_path)
    assert shown.image.shape == shown.labels.shape == (128, 128)
    assert set(np.unique(shown.labels)) == set(range(len(shown.materials)))
    assert "Ge" in shown.materials
    assert shown.masks.sum(0).min() == shown.masks.sum(0).max() == 1
    assert shown.labels[0, 0] == shown.materials.index("Ge")  # the substrate is at the top


def test_the_benchmark_has_82_images_of_two_sizes_and_shares_no_seed_with_tuning() -> None:
    benchmark, tuning = recipes("benchmark"), recipes("tuning")
    assert len(benchmark) == 82
    assert {one.imaging.patch for one in benchmark} == {1024, 2048}
    assert len({one.name for one in benchmark}) == 82
    assert not {one.seed for one in benchmark} & {one.seed for one in tuning}


def test_pairs_of_films_of_the_tuning_set_are_not_those_of_the_benchmark() -> None:
    def pairs(which: str) -> set[tuple[str, str]]:
        found = set()
        for one in recipes(which):  # type: ignore[arg-type]
            stacks = one.simulation.specimens
            found |= {(below, film) for below in stacks.substrates for film in stacks.films if below != film}
        return found

    assert not pairs("benchmark") & pairs("tuning")


def test_a_wrong_set_is_refused_in_one_line_each(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(
        'plan = "interfaces"\n[[groups]]\nname = "a"\nimages = 0\nseed = 1\npatch = 128\npixel_size = 0.2\n'
    )
    with pytest.raises(PlanError, match=r"wrong\.toml: groups.*images"):
        read_set(file)
    file.write_text(TINY.format("'many'"), encoding="utf-8")
    with pytest.raises(PlanError, match="materials"):
        read_set(file)


def textures(seed: int, *, brighter: float = 0.0, ratio: float = 1.0) -> LabelledImage:
    """Two halves of white noise: the lower half brighter, and of another power."""
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((256, 256)).astype(np.float32)
    image[128:] = brighter + np.sqrt(ratio) * image[128:]
    labels = np.repeat([0, 1], 128)[:, None].repeat(256, axis=1)
    return LabelledImage("drawn", "drawn", image, labels, ("a", "b"), 0.5)


def test_distance_grows_with_brightness_and_with_texture() -> None:
    same, names = nearest_neighbours(textures(1))
    assert names == ("a", "b")
    brighter, _ = nearest_neighbours(textures(1, brighter=0.5))
    rougher, _ = nearest_neighbours(textures(1, ratio=2.0))
    assert same < 0.2 * min(brighter, rougher)


def test_distance_of_spectra_is_that_of_the_formula() -> None:
    means = np.array([-1.0, 1.0])  # variance 1
    one, other = (means, np.full(9, 1.0)), (means + 2.0, np.full(9, 4.0))
    assert distance(one, other) == pytest.approx(0.25 * 4.0 / 2.0 + 9 * np.log(5.0 / 4.0) / 2.25)
    assert distance(one, one) == pytest.approx(0.0, abs=1e-9)


def test_neighbours_that_do_not_touch_are_not_compared() -> None:
    shown = textures(2)
    image, labels = (
        np.concatenate([shown.image, shown.image[:128]]),
        np.concatenate([shown.labels, np.full((128, 256), 2)]),
    )
    image[128:256] += 5.0
    three = LabelledImage("drawn", "drawn", image, labels, ("a", "b", "c"), 0.5)
    found, names = nearest_neighbours(three)  # a and c are the same texture and do not touch
    assert "b" in names
    assert found > 10.0


def test_classes_are_in_order() -> None:
    assert [difficulty(one) for one in (0.1, 16.0, 100.0)] == ["hard", "medium", "easy"]


def test_an_image_of_one_material_is_refused(tiny: Path, tmp_path: Path) -> None:
    recipe = read_set(tiny)[0]
    place = tmp_path / "images" / f"{recipe.name}-{recipe.identity}.npz"
    place.parent.mkdir()
    np.savez(place, image=np.zeros((128, 128), np.float32), labels=np.ones((128, 128), np.uint8))
    with pytest.raises(PassbandError, match=r"tiny_00 shows Ge only; choose another seed"):
        labelled_image(recipe, tmp_path)


def test_slivers_of_a_material_go_to_the_nearest_one(tiny: Path, tmp_path: Path) -> None:
    recipe = read_set(tiny)[0]
    place = tmp_path / "images" / f"{recipe.name}-{recipe.identity}.npz"
    place.parent.mkdir()
    labels = np.ones((128, 128), np.uint8)
    labels[64:], labels[100, :20] = 2, 0  # 20 pixels are 0.12 %
    np.savez(place, image=np.zeros((128, 128), np.float32), labels=labels)
    shown = labelled_image(recipe, tmp_path)
    assert shown.materials == tuple(recipe.simulation.classes[number] for number in (1, 2))
    assert (shown.labels[:64] == 0).all()
    assert (shown.labels[64:] == 1).all()
