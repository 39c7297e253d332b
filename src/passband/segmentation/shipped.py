"""Where trained networks are: a folder the user names, or one that comes inside the package."""

from os import PathLike
from pathlib import Path

from passband.recipe import PassbandError

DEFAULT = "au_hrtem"
_SHIPPED = Path(__file__).resolve().parent.parent / "weights"
WEIGHTS, CARD = "weights.safetensors", "card.json"
FILES = (WEIGHTS, CARD)


def shipped_models() -> list[str]:
    """Return the names of the models inside the package, in order."""
    if not _SHIPPED.is_dir():
        return []
    return sorted(folder.name for folder in _SHIPPED.iterdir() if all((folder / name).is_file() for name in FILES))


def shipped_folder(name: str) -> Path:
    """Return the folder inside the package of something else than a model of segmentation that comes with it."""
    return _SHIPPED / name


def find_model(name: str | PathLike[str] | None) -> Path:
    """Return the folder of a model: a path, the name of a shipped one, or the default for None.

    A folder that `passband train` wrote is accepted as well as the `model` folder in it, and so is either of its files.

    Raises
    ------
    PassbandError
        There is no such model; a pickle (`.pt`, `.pth`, `.pkl`) was named; one of the two files is missing.
    """
    wanted = str(name or DEFAULT)
    path = Path(wanted)
    if path.suffix in (".pt", ".pth", ".pkl", ".ckpt", ".bin") and not path.is_dir():
        raise PassbandError(
            f"{wanted} is a pickle by its name, and a pickle can run code; give a folder with {' and '.join(FILES)}"
        )
    if path.is_file() and path.name in FILES:
        path = path.parent
    for folder in (path, path / "model"):
        if folder.is_dir() and any((folder / file).exists() for file in FILES):
            return _complete(folder)
    if name is None or not path.exists():
        return _shipped(wanted, asked=name is not None)
    raise PassbandError(
        f"{wanted} holds no model; a model is a folder with {' and '.join(FILES)}, written by passband train"
    )


def _complete(folder: Path) -> Path:
    for file in FILES:
        if not (folder / file).exists():  # a pipe or a folder is refused with its reason when it is read
            raise PassbandError(f"model {folder} lacks {file}; copy both {' and '.join(FILES)}, they belong together")
    return folder


def _shipped(name: str, *, asked: bool) -> Path:
    known = shipped_models()
    if name in known:
        return _SHIPPED / name
    have = f"shipped models: {', '.join(known)}" if known else "this installation ships no model"
    if asked:
        raise PassbandError(
            f"model {name!r} is neither a folder nor a shipped model ({have}); train one with passband train"
        )
    raise PassbandError(
        f"no --model given, and the default {name!r} is missing ({have}); train one with passband train"
    )
