"""Architectures are told apart by their kind; the one of before leaves it out, so that identities stay."""

import hashlib
import json

import pytest
from pydantic import ValidationError

from passband.experiment.plan import load_plan
from passband.recipe import Recipe
from passband.segmentation.architecture import Architecture
from passband.segmentation.card import read_card
from passband.segmentation.networks import DEFAULT_ARCHITECTURE, AnyArchitecture, NamedArchitecture, named_architecture
from passband.segmentation.shipped import find_model
from passband.segmentation.unet import UNetRecipe
from passband.validation import error_lines


class Named(Recipe):
    network: NamedArchitecture


class Given(Recipe):
    network: AnyArchitecture


# As computed before architectures had kinds (commit de28ba1).
IDENTITIES = {"tiny": "9de17826238c5745", "small": "54b1a2f702f6eaa0", "paper": "7602df2ed1e2766b"}
PLANS = {"demo": "small", "cdse": "paper"}
# Identity, and SHA-256 of the JSON, as calibrated; another network or table has others.
SHIPPED = {
    "au_hrtem": ("de045297b8dc4d13", "1289607d54e21e39be2c8de056ce5f1b716c98e68631c111441362ce94c82ec7"),
    "haadf_atoms": ("00ee81a3c0b377c1", "efef4f2b876417769b961022201321355a2c1e51dbdcd9185f5c2081601bae0c"),
    "hrtem_particles": ("86615f14ca3f68a7", "aa3ab4784644c693e00e4d8b12b431961e2ac9be5e66bf5e810caed64d18d1f5"),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_the_oldest_kind_keeps_identity_and_json(name: str) -> None:
    """Rejects a `kind` that is written into the JSON of a U-Net, and another order of its fields."""
    recipe = named_architecture(name)
    assert recipe.identity == IDENTITIES[name]
    assert list(recipe.model_dump()) == ["channels", "classes", "stem", "encoder", "decoder", "blocks"]


@pytest.mark.parametrize("name", PLANS)
def test_plans_keep_their_network(name: str) -> None:
    """Rejects a plan whose JSON holds less, or more, of its network than before."""
    network = load_plan(name).network
    assert network.identity == IDENTITIES[PLANS[name]]
    assert load_plan(name).model_dump()["network"] == network.model_dump()


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_cards_are_written_as_before(name: str) -> None:
    """Rejects a card whose architecture is cut to the fields that all kinds have, and another order or format."""
    file = find_model(name) / "card.json"
    card = read_card(file.parent)
    assert json.loads(card.model_dump_json()) == json.loads(file.read_text(encoding="utf-8"))
    assert card.identity == SHIPPED[name][0]
    assert hashlib.sha256(f"{card.model_dump_json(indent=1)}\n".encode()).hexdigest() == SHIPPED[name][1]


def test_a_network_is_a_name_or_values_with_or_without_their_kind() -> None:
    values = {"stem": 4, "encoder": [4] * 4, "decoder": [4] * 5, "blocks": 1}
    plain = Named.model_validate({"network": values})
    assert plain.network == UNetRecipe.model_validate(values)
    assert Named.model_validate({"network": values | {"kind": "unet"}}) == plain
    assert Named.model_validate({"network": "tiny"}).network == UNetRecipe.preset("tiny")
    assert Given.model_validate_json(plain.to_json()).network == plain.network
    assert isinstance(DEFAULT_ARCHITECTURE, UNetRecipe)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("huge", "network: preset='huge' is unknown; choose one of fringes, fringes-wide"),
        ({"kind": "unett"}, "network: kind='unett' is no architecture; did you mean 'unet'?"),
        ({"stme": 8}, "network.stme is not a known key; did you mean 'stem'?"),
        ({"stem": 0}, "network.stem=0 is not accepted: it should be greater than or equal to 1; change stem"),
        (3, "network: 3 is no architecture; write a table with kind = one of fine_unet, unet"),
    ],
)
def test_what_is_no_architecture_is_said_at_its_place(network: object, words: str) -> None:
    """Rejects an error that has lost the dotted name on its way through the union."""
    raw = {"network": network}
    with pytest.raises(ValidationError) as caught:
        Named.model_validate(raw)
    (line,) = error_lines(caught.value, model=Named, data=raw)
    assert line.startswith(words)


def test_what_an_architecture_need_not_say_is_right_for_the_unet_too() -> None:
    """Rejects a count, or a bound of what a step keeps, that a new architecture could not rely on."""
    recipe = UNetRecipe.preset("tiny")
    assert Architecture.parameters.fget(recipe) == recipe.parameters  # type: ignore[attr-defined]
    assert Architecture.activations(recipe, 64) < recipe.activations(64)
