"""Write the lowest versions that pyproject.toml allows: `python .ci/lowest.py > constraints-lowest.txt`.

torch is left out: the builds that continuous integration can install are of one version (see pyproject.toml).
"""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

HEADER = """\
# The lowest versions that pyproject.toml allows, all together; made by `python .ci/lowest.py > constraints-lowest.txt`.
# Continuous integration installs them and uses every command once.
"""


def lowest(project: Path) -> str:
    """Lower bounds of the dependencies and of the extra `slurm`, one a line.

    Raises
    ------
    ValueError
        A dependency has another bound than one lower one.
    """
    metadata = tomllib.loads(project.read_text(encoding="utf-8"))
    wanted = [*metadata["build-system"]["requires"], *metadata["project"]["dependencies"]]
    wanted += metadata["project"]["optional-dependencies"]["slurm"]
    lines = []
    for requirement in map(Requirement, wanted):
        bounds = list(requirement.specifier)
        if len(bounds) != 1 or bounds[0].operator != ">=":
            raise ValueError(f"{requirement}: give one lower bound, such as {requirement.name}>=1.2")
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        lines.append(f"{requirement.name}{extras}=={bounds[0].version}")
    return HEADER + "".join(f"{line}\n" for line in lines if not line.startswith("torch=="))


if __name__ == "__main__":
    sys.stdout.write(lowest(Path(__file__).resolve().parents[1] / "pyproject.toml"))
