"""Checkpoints of a training: whole or not at all, without pickles, so that a killed run resumes where it was."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from passband.documents import parse_json, read_document
from passband.durable import write_atomically
from passband.recipe import PassbandError
from passband.training.history import RENAMED
from passband.training.recipe import TrainingRecipe

FORMAT = 1


class TrainingError(PassbandError):
    """A training that cannot start or go on."""


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write tensors and plain values as one safetensors file, the values as JSON in its header."""
    own = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    text = json.dumps({"format": FORMAT, **state})  # unsorted: rows keep the order of their columns
    write_atomically(path, save(own, metadata={"passband": text}), error=TrainingError)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the values of a checkpoint.

    Raises
    ------
    TrainingError
        The file is damaged, no checkpoint, or of another format.
    """
    cure = "remove it to start the training afresh"
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {}).get("passband", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except (SafetensorError, OSError, ValueError) as error:
        raise TrainingError(f"{path} is no readable checkpoint ({error}); {cure}") from error
    if state.get("format") != FORMAT:
        raise TrainingError(f"{path} has checkpoint format {state.get('format')}, this version reads {FORMAT}; {cure}")
    return tensors, state


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a prefix before every name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names carry a prefix, without it."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten the optimiser's memory to `<parameter number>.<name>`."""
    state: dict[int, dict[str, Any]] = optimiser.state_dict()["state"]
    return {
        f"{number}.{name}": value
        for number, entry in state.items()
        for name, value in entry.items()
        if isinstance(value, Tensor)
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give the optimiser its memory back, in the memory layout of the parameters.

    The layout decides which vector code runs, and with it the last bit of a sum.
    """
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        parameter = parameters[int(number)]
        if value.shape == parameter.shape and value.ndim > 0:
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no number is NaN or infinite."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def recorded_device(path: Path) -> str:
    """Kind of device that the batches of the run that `path` records were made on; "" where it does not say."""
    return str(parse_json(read_document(path)).get("batches_on", ""))


def refuse_other_device(directory: Path, there: str, now: str) -> None:
    """Refuse to go on with batches of another kind of device: the same seed draws other noise there.

    Raises
    ------
    TrainingError
        Both are known, and they differ.
    """
    if there and now and there != now:
        raise TrainingError(
            f"{directory} holds a training whose images were made on {there}, and on {now} their noise is another; "
            f"make them on {there} again (on a GPU 1 worker makes them there, and more of them on the CPU), or use "
            "another directory"
        )


def refuse_other_run(path: Path, recipe: TrainingRecipe, identity: str) -> None:
    """Refuse to resume the run that `path` records where its weights depend on something else than ours.

    More epochs are welcome where no earlier one depends on them.

    Raises
    ------
    TrainingError
        They differ; the message names the fields.
    """
    directory = path.parent
    try:
        theirs = parse_json(read_document(path))
        monitor = theirs["recipe"]["monitor"]
        named = theirs["recipe"] | {"monitor": RENAMED.get(monitor, monitor)}
        old, new = TrainingRecipe.model_validate(named), recipe
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{directory} holds a checkpoint but no readable {path.name}; use another directory"
        ) from error
    if new.schedule not in ("cosine", "linear_tail") and old.epochs <= new.epochs:
        old = old.model_copy(update={"epochs": new.epochs})  # nothing before them would have differed
    there, now = old.decisive(), new.decisive()
    differing = [name for name in {**now, **there} if there.get(name) != now.get(name)]
    if theirs.get("identity") != identity:
        differing.append("identity (the data, the network, or what decides when it stops)")
    if differing:
        example = differing[0]
        known = example in now or example in there
        values = f"{there.get(example)!r} there, {now.get(example)!r} now" if known else "another one"
        raise TrainingError(
            f"{directory} holds a training with other values: {', '.join(differing)} ({values}); "
            "use another directory, or remove this one to start afresh"
        )
