"""One frozen value describes a run: its JSON is the provenance record, its hash the identity of what it makes."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict


class PassbandError(ValueError):
    """An input that cannot be used: the message gives the value, the rule and the cure in one line.

    Several things wrong at once are several arguments, one line each.
    """

    def __str__(self) -> str:
        return "\n".join(str(line) for line in self.args)


class Recipe(BaseModel):
    """A frozen, keyword-only value, validated when it is made; unknown names are refused.

    Two recipes with equal fields have equal `identity`, in any process and on any machine.

    Raises
    ------
    pydantic.ValidationError
        A field is missing, unknown, of the wrong type, not finite or out of its range. It is a `ValueError`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="strings")

    def to_json(self) -> str:
        """Canonical JSON: sorted names, shortest floats, no spaces; the text that `identity` hashes."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def identity(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the class name and the canonical JSON."""
        text = f"{type(self).__name__}:{self.to_json()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]
