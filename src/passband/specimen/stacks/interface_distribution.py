"""Which film stacks may occur, and one of them by its number: the same for the same seed, in whatever order."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from passband.distribution import (
    Choice,
    LogUniform,
    Normal,
    Scalar,
    Uniform,
    check_limits,
    check_weights,
    chosen,
    drawn,
    limits,
)
from passband.recipe import PassbandError, Recipe
from passband.specimen.stacks.compounds import Compound, material
from passband.specimen.stacks.interface import Interface, build_interface
from passband.specimen.stacks.oriented import OrientedCell, oriented_cell
from passband.specimen.stacks.stack import (
    LARGEST,
    NARROWEST,
    STEEPEST,
    THINNEST,
    Contamination,
    Layer,
    Roughness,
    Stack,
    stretches,
)

LAST = 0.15  # of the field, that is left to the last layer at least

_TITANATES = ("SrTiO3", "La:SrTiO3", "Nb:SrTiO3")
_FILMS = (*_TITANATES, "LaFeO3", "LaMnO3", "La0.8Sr0.2FeO3", "WO3", "MoO3", "Ge")


class InterfaceDistribution(Recipe):
    """Which film stacks may occur; by default those of published micrographs of oxide films, 2 to 4 materials each.

    Attributes
    ----------
    field
        Å along (y, x).
    thickness
        Along the beam, Å.
    materials
        How many different ones a stack has, rounded; a gap comes on top where there is no other vacuum.
    substrates, films
        Names of materials with a lattice, each as likely.
    caps
        Relative weights of materials without a lattice, for the last layer.
    capped
        Probability that the last layer is one of them, and not a film.
    substrate_share
        Of the field along y.
    film_thickness
        Å; films that would leave less than 15 % of the field to the last layer are all thinned alike.
    relaxation
        Of a film; those that do not fit on the substrate are relaxed completely.
    mismatched
        Probability that a film lies in any of its zones, turned about the beam, instead of in that which fits best.
    rotation
        By which it is turned then, rad.
    lean
        Of the columns of a film that is not strained to the substrate, along each axis, mrad.
    roughness, correlation_length
        Of every face, Å.
    steps
        On every face, rounded to an even number, so that the box can be periodic.
    interdiffusion
        At every face, Å.
    antiphase, grain_boundaries
        Probability that a film has two antiphase boundaries, and probability that it has two grain boundaries instead.
    misorientation
        Standard deviation of the turn at a grain boundary, rad.
    gap
        Probability of a gap below a film.
    gap_width
        Å.
    tilt
        Of the sample along each axis, mrad.
    wedge
        Å of thickness per Å along the growth.
    drops
        Of contamination, rounded.
    drop_diameter
        Å; they are a third as high.
    """

    field: tuple[float, float] = (200.0, 200.0)
    thickness: Scalar = LogUniform(log_uniform=(50.0, 400.0))
    materials: Scalar = Choice(choice=(2, 3, 4))
    substrates: tuple[str, ...] = (*_TITANATES, "Ge", "LaMnO3")
    films: tuple[str, ...] = _FILMS
    caps: dict[str, float] = Field(default_factory=lambda: {"vacuum": 1.0, "Pt/C": 1.0, "a-C": 1.0})
    capped: float = Field(default=0.7, ge=0, le=1)
    substrate_share: Scalar = Uniform(uniform=(0.2, 0.6))
    film_thickness: Scalar = Uniform(uniform=(20.0, 100.0))
    relaxation: Scalar = Choice(choice=(0.0, 0.0, 0.0, 1.0))
    mismatched: float = Field(default=0.15, ge=0, le=1)
    rotation: Scalar = Uniform(uniform=(-0.5, 0.5))
    lean: Scalar = Normal(normal=(0.0, 5.0))
    roughness: Scalar = Uniform(uniform=(0.0, 6.0))
    correlation_length: Scalar = LogUniform(log_uniform=(15.0, 150.0))
    steps: Scalar = Choice(choice=(0, 0, 2, 4))
    interdiffusion: Scalar = Uniform(uniform=(0.0, 6.0))
    antiphase: float = Field(default=0.15, ge=0, le=1)
    grain_boundaries: float = Field(default=0.1, ge=0, le=1)
    misorientation: Scalar = Uniform(uniform=(0.02, 0.2))
    gap: float = Field(default=0.05, ge=0, le=1)
    gap_width: Scalar = Uniform(uniform=(4.0, 20.0))
    tilt: Scalar = Normal(normal=(0.0, 2.0))
    wedge: Scalar = Normal(normal=(0.0, 0.03))
    drops: Scalar = Choice(choice=(0, 0, 3, 8))
    drop_diameter: Scalar = Uniform(uniform=(10.0, 50.0))

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_names(self)
        _check_ranges(self)
        if self.antiphase + self.grain_boundaries > 1.0:
            raise PassbandError(
                f"antiphase={self.antiphase:g} and grain_boundaries={self.grain_boundaries:g} exceed 1; a film has "
                f"one of them"
            )
        wedge = max(abs(one) for one in limits(self.wedge))
        thin = limits(self.thickness)[0] - 0.5 * wedge * self.field[0]
        if thin < THINNEST:
            raise PassbandError(f"wedge={wedge:g} leaves {thin:.3g} Å of the thinnest sample; lower it or thicken that")
        atoms = 0.1 * self.field[0] * self.field[1] * (limits(self.thickness)[1] + 0.5 * wedge * self.field[0])
        if atoms > LARGEST:
            raise PassbandError(f"the box holds {atoms:.2g} atoms, more than {LARGEST:.0e}; shrink field or thickness")
        return self


def _check_names(stacks: InterfaceDistribution) -> None:
    for key, crystalline in (("substrates", True), ("films", True), ("caps", False)):
        names = list(getattr(stacks, key))
        if not names:
            raise PassbandError(f"{key}=[] is empty; list at least one")
        for name in names:
            if isinstance(material(name), Compound) is not crystalline:
                has = "a lattice" if crystalline else "no lattice"
                raise PassbandError(f"'{name}' is none of the {key}, which have {has}; list it elsewhere")
    check_weights("caps", stacks.caps)
    most = round(limits(stacks.materials)[1])
    fewest = min(len(set(stacks.films) - {substrate}) for substrate in stacks.substrates)
    if most > 1 + (stacks.capped == 1.0) + fewest:  # a cap is there always, or one time it is not
        raise PassbandError(f"materials reaches {most}; films={list(stacks.films)} are too few")


def _check_ranges(stacks: InterfaceDistribution) -> None:
    if min(stacks.field) < NARROWEST:
        raise PassbandError(f"field={list(stacks.field)} is too small; fields are (y, x) in Å, {NARROWEST:g} at least")
    ranges = {
        "thickness": (10.0, np.inf),
        "materials": (2.0, 6.0),
        "substrate_share": (0.05, 0.8),
        "film_thickness": (5.0, np.inf),
        "relaxation": (0.0, 1.0),
        "rotation": (-np.pi, np.pi),
        "roughness": (0.0, 100.0),
        "correlation_length": (1.0, np.inf),
        "steps": (0.0, 100.0),
        "interdiffusion": (0.0, 100.0),
        "misorientation": (0.0, np.pi),
        "gap_width": (1.0, 100.0),
        "lean": (-STEEPEST, STEEPEST),
        "tilt": (-STEEPEST, STEEPEST),
        "drops": (0.0, 1000.0),
        "drop_diameter": (10.0, 300.0),
    }
    check_limits(stacks, ranges)


def draw_stack(stacks: InterfaceDistribution, rng: np.random.Generator) -> Stack:
    """One film stack of a distribution."""
    count = round(drawn(stacks.materials, rng))
    names = [stacks.substrates[int(rng.integers(len(stacks.substrates)))]]
    capped = bool(rng.random() < stacks.capped)
    for _ in range(count - 1 - capped):
        free = [name for name in stacks.films if name not in names]
        names.append(free[int(rng.integers(len(free)))])
    height = drawn(stacks.substrate_share, rng) * stacks.field[0]
    cell = Stack(layers=(Layer(material=names[0]),)).cell(0)
    assert cell is not None  # substrates have a lattice
    layers = [_face(stacks, Layer(material=names[0], thickness=height), rng)]
    for name in names[1:]:
        if rng.random() < stacks.gap:
            layers.append(_face(stacks, Layer(material="vacuum", thickness=drawn(stacks.gap_width, rng)), rng))
        layers.append(_face(stacks, _film(stacks, name, cell, rng), rng))
    if capped:
        layers.append(Layer(material=chosen(stacks.caps, rng)))
    size = drawn(stacks.drop_diameter, rng)
    return Stack(
        field=stacks.field,
        thickness=drawn(stacks.thickness, rng),
        layers=_thinned(layers, stacks.field[0]),
        tilt=(drawn(stacks.tilt, rng), drawn(stacks.tilt, rng)),
        wedge=(drawn(stacks.wedge, rng), 0.0),
        contamination=Contamination(spots=round(drawn(stacks.drops, rng)), diameter=size, height=size / 3.0),
    )


def _film(stacks: InterfaceDistribution, name: str, below: OrientedCell, rng: np.random.Generator) -> Layer:
    made_of = material(name)
    assert isinstance(made_of, Compound)  # films have a lattice
    zones = made_of.zones
    mismatched = bool(rng.random() < stacks.mismatched)
    fits = any(all(stretches(oriented_cell(made_of, zone), below)) for zone in zones)
    kind = rng.random()
    antiphase = kind < stacks.antiphase
    grains = not antiphase and kind < stacks.antiphase + stacks.grain_boundaries
    zone = zones[int(rng.integers(len(zones)))]
    rotation, relaxation = drawn(stacks.rotation, rng), drawn(stacks.relaxation, rng)
    relaxation = 1.0 if mismatched or not fits else relaxation
    lean = (drawn(stacks.lean, rng), drawn(stacks.lean, rng))
    return Layer(
        material=name,
        thickness=drawn(stacks.film_thickness, rng),
        zone=zone if mismatched else None,
        relaxation=relaxation,
        rotation=rotation if mismatched else 0.0,
        lean=lean if relaxation == 1.0 else (0.0, 0.0),
        antiphase=2 if antiphase else 0,
        grain_boundaries=2 if grains else 0,
        misorientation=drawn(stacks.misorientation, rng),
    )


def _face(stacks: InterfaceDistribution, layer: Layer, rng: np.random.Generator) -> Layer:
    rough = Roughness(
        rms=drawn(stacks.roughness, rng),
        correlation_length=drawn(stacks.correlation_length, rng),
        steps=2 * round(drawn(stacks.steps, rng) / 2.0),
    )
    return layer.model_copy(update={"face": rough, "interdiffusion": drawn(stacks.interdiffusion, rng)})


def _thinned(layers: list[Layer], height: float) -> tuple[Layer, ...]:
    """Layers of which the last has its share of a field; the substrate stays as it is."""
    films = sum(layer.thickness for layer in layers[1:-1])
    room = (1.0 - LAST) * height - layers[0].thickness
    factor = min(1.0, room / films) if films > 0 else 1.0
    inner = [layer.model_copy(update={"thickness": layer.thickness * factor}) for layer in layers[1:-1]]
    return (layers[0], *inner, layers[-1])


def sample_interface(stacks: InterfaceDistribution, *, seed: int, index: int) -> Interface:
    """Film stack number `index` of a distribution and seed: the same bytes wherever and in whatever order it is made.

    Raises
    ------
    PassbandError
        `seed` or `index` is negative.
    """
    if seed < 0 or index < 0:
        raise PassbandError(f"seed={seed}, index={index} must not be negative; use 0, 1, 2, …")
    layout, atoms = np.random.SeedSequence([seed, index]).spawn(2)
    stack = draw_stack(stacks, np.random.default_rng(layout))
    found = build_interface(stack, seed=int(atoms.generate_state(1)[0]))
    found.parameters.update(seed=seed, index=index)
    return found
