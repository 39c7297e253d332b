"""Every method that proposes masks, by name, and several of them at once: "lattice+mobile-sam"."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from passband.entries import Entries
from passband.progress import SilentStages, Stages
from passband.recipe import PassbandError
from passband.zero_shot.lattice import NAME as LATTICE
from passband.zero_shot.lattice import LatticeProposer
from passband.zero_shot.prompts import Embedding, Prompt, Proposer
from passband.zero_shot.proposals import Proposals
from passband.zero_shot.sam.recipe import SamRecipe

_AND = "+"


@dataclass(frozen=True, kw_only=True)
class ProposerOptions:
    """What a proposer may be told; each takes what concerns it.

    Attributes
    ----------
    sam
        How networks of Segment Anything's kind are asked.
    weights
        File or folder of weights, instead of those in the cache.
    device, precision
        Of torch, where networks compute that can; see `sam.torch_sam.TorchSam`.
    stages
        Told how far proposing is.
    """

    sam: SamRecipe = field(default_factory=SamRecipe)
    weights: Path | None = None
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    stages: Stages = field(default_factory=SilentStages)


@dataclass(frozen=True, kw_only=True)
class ProposerEntry:
    """One method.

    Attributes
    ----------
    name
        What --proposals calls it.
    text
        What it is, in a line.
    build
        Makes it; may take seconds, and raises PassbandError where weights or a package are missing.
    """

    name: str
    text: str
    build: Callable[[ProposerOptions], Proposer]


def _mobile_sam(options: ProposerOptions) -> Proposer:
    from passband.zero_shot.sam.generator import SamProposer
    from passband.zero_shot.sam.onnx import OnnxSam

    if options.weights is not None:
        raise PassbandError(
            f"mobile-sam takes no other weights ({options.weights}), its graphs are known by SHA-256; leave them out"
        )
    return SamProposer(OnnxSam(), options.sam, options.stages)


def _sam(name: str, text: str) -> ProposerEntry:
    def build(options: ProposerOptions) -> Proposer:
        from passband.zero_shot.sam.generator import SamProposer
        from passband.zero_shot.sam.torch_sam import load_sam

        network = load_sam(name, options.weights, device=options.device, precision=options.precision)
        return SamProposer(network, options.sam, options.stages)

    return ProposerEntry(name=name, text=text, build=build)


#: One file and one entry add a method.
PROPOSERS: Entries[ProposerEntry] = Entries(
    "proposer",
    [
        ProposerEntry(name=LATTICE, text="local spectra and brightness; no weights", build=lambda _: LatticeProposer()),
        ProposerEntry(name="mobile-sam", text="MobileSAM on onnxruntime, 45 MB of weights", build=_mobile_sam),
        _sam("sam-b", "Segment Anything, ViT-B, 375 MB of weights"),
        _sam("sam-l", "Segment Anything, ViT-L, 1.2 GB of weights"),
        _sam("sam-h", "Segment Anything, ViT-H, 2.6 GB of weights"),
        _sam("sam", "Segment Anything, 1 or 2, of any size, from a file or folder of yours"),
    ],
)


def find_proposer(name: str, options: ProposerOptions | None = None) -> Proposer:
    """Return the proposer of a name, or of several names with + between them.

    Raises
    ------
    PassbandError
        There is none of that name, a name stands twice, or weights or a package are missing.
    """
    names = [part.strip() for part in name.split(_AND)]
    if len(set(names)) < len(names):
        raise PassbandError(f"{name!r:.60} names a proposer twice; write each once")
    entries = [PROPOSERS[part] for part in names]  # all are known before the first is built
    built = [entry.build(options or ProposerOptions()) for entry in entries]
    return built[0] if len(built) == 1 else UnionProposer(tuple(built))


@dataclass(frozen=True)
class UnionProposer:
    """Several proposers side by side: the masks of all."""

    proposers: tuple[Proposer, ...]

    @property
    def name(self) -> str:
        """Names of all, with + between them."""
        return _AND.join(one.name for one in self.proposers)

    def embed(self, image: NDArray[np.float32]) -> "UnionEmbedding":
        """Let each look at the image (y, x)."""
        return UnionEmbedding(tuple(one.embed(image) for one in self.proposers))


@dataclass(frozen=True)
class UnionEmbedding:
    """What several proposers have seen of one image."""

    embeddings: tuple[Embedding, ...]

    def everything(self) -> Proposals:
        """Masks of all, those of one proposer after those of another."""
        return reduce(Proposals.beside, (one.everything() for one in self.embeddings))

    def answer(self, prompt: Prompt) -> Proposals:
        """Masks of all for one prompt, by their quality."""
        found = reduce(Proposals.beside, (one.answer(prompt) for one in self.embeddings))
        return found.chosen(np.argsort(-found.quality, kind="stable"))
