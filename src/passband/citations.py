"""The papers that passband stands on, each with the parts of the program that use it, to paste into a paper."""

from collections.abc import Sequence
from typing import NamedTuple

from passband import __version__
from passband.recipe import PassbandError


class Reference(NamedTuple):
    """One paper or program; authors are separated by semicolons."""

    key: str
    kind: str
    authors: str
    title: str
    where: str
    year: str
    link: str = ""
    parts: tuple[str, ...] = ()


REFERENCES = (
    Reference(
        key="passband",
        kind="misc",
        authors="{The passband developers}",
        title="passband: neural networks for electron micrographs that know what they can see",
        where="",
        year="2026",
    ),
    Reference(
        key="RangelDaCosta2025ctf",
        kind="misc",
        authors="Rangel DaCosta, Luis; Scott, Mary C.",
        title="Contrast transfer functions help quantify neural network out-of-distribution generalization in HRTEM",
        where="arXiv:2512.09067",
        year="2025",
        link="https://arxiv.org/abs/2512.09067",
        parts=("information", "segmentation", "training"),
    ),
    Reference(
        key="Kirkland2010",
        kind="book",
        authors="Kirkland, Earl J.",
        title="Advanced Computing in Electron Microscopy",
        where="Springer, 2nd edition",
        year="2010",
        link="https://doi.org/10.1007/978-1-4419-6533-2",
        parts=("simulation", "imaging"),
    ),
    Reference(
        key="Lobato2014",
        kind="article",
        authors="Lobato, I.; Van Dyck, D.",
        title="An accurate parameterization for scattering factors, electron densities and electrostatic "
        "potentials for neutral atoms that obey all physical constraints",
        where="Acta Crystallographica A 70, 636-649",
        year="2014",
        link="https://doi.org/10.1107/S205327331401643X",
        parts=("simulation",),
    ),
    Reference(
        key="Cowley1957",
        kind="article",
        authors="Cowley, J. M.; Moodie, A. F.",
        title="The scattering of electrons by atoms and crystals. I. A new theoretical approach",
        where="Acta Crystallographica 10, 609-619",
        year="1957",
        link="https://doi.org/10.1107/S0365110X57002194",
        parts=("simulation",),
    ),
    Reference(
        key="Larsen2017",
        kind="article",
        authors="Larsen, Ask Hjorth; Mortensen, Jens Jørgen; Blomqvist, Jakob; and others",
        title="The atomic simulation environment: a Python library for working with atoms",
        where="Journal of Physics: Condensed Matter 29, 273002",
        year="2017",
        link="https://doi.org/10.1088/1361-648X/aa680e",
        parts=("simulation",),
    ),
    Reference(
        key="Ronneberger2015",
        kind="misc",
        authors="Ronneberger, Olaf; Fischer, Philipp; Brox, Thomas",
        title="U-Net: convolutional networks for biomedical image segmentation",
        where="MICCAI 2015, LNCS 9351, 234-241",
        year="2015",
        link="https://doi.org/10.1007/978-3-319-24574-4_28",
        parts=("segmentation",),
    ),
    Reference(
        key="He2016",
        kind="misc",
        authors="He, Kaiming; Zhang, Xiangyu; Ren, Shaoqing; Sun, Jian",
        title="Identity mappings in deep residual networks",
        where="ECCV 2016, LNCS 9908, 630-645",
        year="2016",
        link="https://doi.org/10.1007/978-3-319-46493-0_38",
        parts=("segmentation",),
    ),
    Reference(
        key="Cheng2021",
        kind="misc",
        authors="Cheng, Bowen; Girshick, Ross; Dollár, Piotr; Berg, Alexander C.; Kirillov, Alexander",
        title="Boundary IoU: improving object-centric image segmentation evaluation",
        where="CVPR 2021, 15334-15342",
        year="2021",
        link="https://arxiv.org/abs/2103.16562",
        parts=("scores",),
    ),
    Reference(
        key="Paszke2019",
        kind="misc",
        authors="Paszke, Adam; Gross, Sam; Massa, Francisco; and others",
        title="PyTorch: an imperative style, high-performance deep learning library",
        where="NeurIPS 32, 8024-8035",
        year="2019",
        link="https://arxiv.org/abs/1912.01703",
        parts=("simulation", "imaging", "training", "segmentation"),
    ),
    Reference(
        key="Zhu2017",
        kind="misc",
        authors="Zhu, Jun-Yan; Park, Taesung; Isola, Phillip; Efros, Alexei A.",
        title="Unpaired image-to-image translation using cycle-consistent adversarial networks",
        where="ICCV 2017, 2242-2251",
        year="2017",
        link="https://arxiv.org/abs/1703.10593",
        parts=("translation",),
    ),
    Reference(
        key="Park2020",
        kind="misc",
        authors="Park, Taesung; Efros, Alexei A.; Zhang, Richard; Zhu, Jun-Yan",
        title="Contrastive learning for unpaired image-to-image translation",
        where="ECCV 2020, LNCS 12354, 319-345",
        year="2020",
        link="https://arxiv.org/abs/2007.15651",
        parts=("translation",),
    ),
    Reference(
        key="Khan2023",
        kind="article",
        authors="Khan, Abid; Lee, Chia-Hao; Huang, Pinshane Y.; Clark, Bryan K.",
        title="Leveraging generative adversarial networks to create realistic scanning transmission electron "
        "microscopy images",
        where="npj Computational Materials 9, 85",
        year="2023",
        link="https://doi.org/10.1038/s41524-023-01042-3",
        parts=("translation",),
    ),
)


def all_parts() -> list[str]:
    """Return the parts of the program that references are for."""
    return sorted({part for reference in REFERENCES for part in reference.parts})


def references(parts: Sequence[str] = ()) -> list[Reference]:
    """Return passband and the references of the named parts, all of them for none.

    Raises
    ------
    PassbandError
        A part is unknown.
    """
    known = all_parts()
    for part in parts:
        if part not in known:
            raise PassbandError(f"part {part!r} is unknown; write {', '.join(known)}, or nothing for all")
    return [r for r in REFERENCES if not parts or not r.parts or set(r.parts) & set(parts)]


def plain(reference: Reference) -> str:
    """One line: authors, title, where, year, and what it stands behind."""
    where = reference.where or f"version {__version__}"
    used = f"  [{', '.join(reference.parts)}]" if reference.parts else ""
    link = f" {reference.link}" if reference.link else ""
    return f"{reference.authors}. {reference.title}. {where} ({reference.year}).{link}{used}"


def bibtex(reference: Reference) -> str:
    """One BibTeX entry."""
    fields = {
        "author": " and ".join(reference.authors.split("; ")),
        "title": f"{{{reference.title}}}",
        "year": reference.year,
        "journal" if reference.kind == "article" else "howpublished": reference.where,
        "version": "" if reference.where else __version__,
        "url": reference.link,
    }
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@{reference.kind}{{{reference.key},\n{body}\n}}"


#: Ways to write a reference.
FORMS = {"plain": plain, "bibtex": bibtex}
