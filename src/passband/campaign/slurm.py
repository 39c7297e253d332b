"""What to ask a SLURM cluster for, as a page of YAML, and the job script it becomes."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from passband.campaign.errors import error_lines
from passband.campaign.folder import CampaignError
from passband.documents import naming, parse_yaml, read_document
from passband.recipe import Recipe

# One word of a job script's header: nothing in it can begin another line or another option.
Word = Annotated[str, StringConstraints(pattern=r"^[\w.,:@=+%/-]+$", max_length=200)]
Line = Annotated[str, StringConstraints(pattern=r"^[^\n\r\x00]+$", max_length=2000)]


class SlurmRecipe(Recipe):
    """Jobs on a SLURM cluster, each of which holds some worker processes.

    Attributes
    ----------
    queue, account
        Partition and account; those of the user by default.
    jobs
        How many run at a time; one that reaches its wall time is replaced while runs are left.
    cores
        CPU cores of a job.
    processes
        Workers of a job, each with one run at a time; one for each core by default. With a GPU a few share it.
    memory
        Of a job, such as "32GB".
    walltime
        Of a job, as SLURM writes it: minutes, hh:mm:ss or d-hh:mm:ss.
    directives
        Further `#SBATCH` options, such as "--gres=gpu:1".
    prologue
        Shell lines before the worker starts, such as "module load python" or the activation of an environment.
    python
        The interpreter on the nodes; by default the one that runs this command.
    interface
        Network interface over which nodes reach this machine, such as "ib0"; the default route's otherwise.
    log_directory
        For what the jobs print.
    deaths
        Workers that a run may lose before it counts as failed; pre-emption and wall time count too.
    """

    queue: Word | None = None
    account: Word | None = None
    jobs: int = Field(default=1, ge=1, le=10_000)
    cores: int = Field(ge=1, le=1024)
    processes: int | None = Field(default=None, ge=1, le=1024)
    memory: Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)? ?[kMGT]i?B$")]
    walltime: Annotated[str, StringConstraints(pattern=r"^(\d+-)?\d+(:\d\d){0,2}$")]
    directives: tuple[Line, ...] = ()
    prologue: tuple[Line, ...] = ()
    python: Word | None = None
    interface: Word | None = None
    log_directory: Word | None = None
    deaths: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.processes is not None and self.processes > self.cores:
            raise ValueError(f"processes={self.processes} is more than cores={self.cores}; ask for a core for each")
        return self

    def job_options(self) -> dict[str, Any]:
        """Keyword arguments of `dask_jobqueue.SLURMCluster`; what is None, the site's Dask configuration may say."""
        threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        return {
            "queue": self.queue,
            "account": self.account,
            "cores": self.cores,
            "processes": self.processes or self.cores,
            "memory": self.memory.replace(" ", ""),
            "walltime": self.walltime,
            "job_extra_directives": list(self.directives),
            "job_script_prologue": [*(f"export {name}=1" for name in threads), *self.prologue],
            "python": self.python,
            "interface": self.interface,
            "log_directory": self.log_directory,
            "death_timeout": 300,
            # Repeated, the last one counts; SLURM itself limits the memory, and Dask would pause workers near it.
            "worker_extra_args": ["--nthreads", "1", "--memory-limit", "0", "--no-dashboard"],
            "job_name": "passband",
        }


def load_slurm(path: Path) -> SlurmRecipe:
    """Read and check a recipe of jobs.

    Raises
    ------
    CampaignError
        The file is missing, not YAML, or a key or a value is not accepted: one line each.
    """
    try:
        with naming(path, CampaignError):
            raw = parse_yaml(read_document(path))
    except FileNotFoundError as error:
        raise CampaignError(f"{path} does not exist; write the jobs of a cluster there, see docs/campaigns") from error
    except OSError as error:
        raise CampaignError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if not isinstance(raw, dict):
        raise CampaignError(f"{path} holds no table of names and values; write lines such as `cores: 8`")
    raw = {name: value for name, value in raw.items() if value not in ("", "null", "~")}
    try:
        return SlurmRecipe.model_validate(raw)
    except ValidationError as error:
        lines = error_lines(error, model=SlurmRecipe, data=raw)
        raise CampaignError(*(f"{path.name}: {line}" for line in lines)) from error


def job_script(recipe: SlurmRecipe) -> str:
    """Return the script that is submitted, with `<scheduler>` where the address of the scheduler will be.

    Raises
    ------
    CampaignError
        dask-jobqueue is not installed.
    """
    job = slurm_module().SLURMJob(scheduler="<scheduler>", name="passband-0", **recipe.job_options())
    script: str = job.job_script()
    return script


def slurm_module() -> Any:
    """Return `dask_jobqueue.slurm`, which comes with passband's extra `slurm`.

    Raises
    ------
    CampaignError
        It is not installed.
    """
    try:
        from dask_jobqueue import slurm
    except ImportError as error:
        raise CampaignError("dask-jobqueue is not installed; pip install 'passband[slurm]'") from error
    return slurm
