import numpy as np

from passband.specimen.arrangement import FieldOfView
from passband.specimen.materials import crystal
from passband.specimen.particle import fill_body, random_orientation, sphere
from passband.specimen.scene import Particle, separate


def particle(centre, diameter, seed):
    rng = np.random.default_rng(seed)
    turn, material, body = random_orientation(rng), crystal("CdSe"), sphere(diameter)
    return Particle(
        material=material,
        shape="sphere",
        diameter=diameter,
        orientation=turn,
        embedded=0.0,
        body=body,
        atoms=fill_body(material, body, orientation=turn, rng=rng),
        faults=0,
        twins=0,
        centre=np.array(centre, float),
    )


def test_the_earlier_of_two_overlapping_particles_stays_whole():
    first, second = particle([5, 50, 0], 40, 0), particle([85, 50, 0], 40, 1)  # 20 Å apart across the border
    whole = first.atoms.positions.copy()
    kept = separate([first, second], field=FieldOfView(100.0, "wrap"))
    assert len(kept) == 2
    np.testing.assert_array_equal(kept[0].atoms.positions, whole)
    # none of the second's atoms in the channels of the first, which a mere minimum distance would leave them in
    offsets = kept[1].atoms.positions + kept[1].centre - [105, 50, 0]
    assert np.linalg.norm(offsets, axis=1).min() > 20.0
    assert len(kept[1].atoms) > 500


def test_a_particle_wholly_inside_another_is_dropped():
    kept = separate([particle([50, 50, 0], 40, 0), particle([52, 50, 0], 15, 1)], field=FieldOfView(100.0, "wrap"))
    assert [p.diameter for p in kept] == [40]
