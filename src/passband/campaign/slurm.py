"""What to ask a SLURM cluster for, as a page of YAML, and the job script it becomes."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from passband.campaign.folder import CampaignError
from passband.campaign.slurm_options import (
    exclusive_options,
    given,
    slurm_directive,
    slurm_line,
    slurm_memory,
    slurm_time,
    slurm_word,
)
from passband.documents import naming, parse_yaml, read_document
from passband.recipe import PassbandError, Recipe
from passband.validation import error_lines

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_REPLACED = ("#SBATCH --mem=", "#SBATCH -t ", "#SBATCH --cpus-per-task=", "#SBATCH -n ")  # of dask-jobqueue's header


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Word = Annotated[str, AfterValidator(slurm_word)]
Memory = Annotated[str, BeforeValidator(_text), AfterValidator(slurm_memory)]
Time = Annotated[str, BeforeValidator(_text), AfterValidator(slurm_time)]
Directives = Annotated[tuple[Annotated[str, AfterValidator(slurm_directive)], ...], BeforeValidator(_listed)]
Lines = Annotated[tuple[Annotated[str, AfterValidator(slurm_line)], ...], BeforeValidator(_listed)]


class SlurmRecipe(Recipe):
    """Jobs on a SLURM cluster, each of which holds some worker processes.

    Only `cores` must be given: what is left out, the cluster decides. A directive replaces what a field would say.

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
    memory, memory_per_cpu
        Of a job, or of each of its cores, as SLURM writes it: 32G, 12GB, 1T, 0 for all of a node; one of them or none.
    walltime
        Of a job, as SLURM writes it: minutes, hh:mm:ss, d-hh, d-hh:mm:ss or UNLIMITED.
    directives
        Further `#SBATCH` options, such as "--gres=gpu:1", "--qos=long" or "--exclusive".
    prologue
        Shell lines before the worker starts, such as "module load python" or the activation of an environment.
    python
        The interpreter on the nodes; by default the one that runs this command.
    interface
        Network interface over which nodes reach this machine, such as "ib0"; the default route's otherwise.
    log_directory
        For what the jobs print.
    crashes
        Workers that a run may lose before it counts as failed; pre-emption and wall time count too.
    """

    queue: Word | None = None
    account: Word | None = None
    jobs: int = Field(default=1, ge=1, le=10_000)
    cores: int = Field(ge=1, le=1024)
    processes: int | None = Field(default=None, ge=1, le=1024)
    memory: Memory | None = None
    memory_per_cpu: Memory | None = None
    walltime: Time | None = None
    directives: Directives = ()
    prologue: Lines = ()
    python: Word | None = None
    interface: Word | None = None
    log_directory: Word | None = None
    crashes: int = Field(default=10, ge=1, le=10**6)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.processes is not None and self.processes > self.cores:
            raise PassbandError(f"processes={self.processes} is more than cores={self.cores}; ask for a core for each")
        if self.memory is not None and self.memory_per_cpu is not None:
            both = f"memory={self.memory} and memory_per_cpu={self.memory_per_cpu}"
            raise PassbandError(f"{both} are both given, and sbatch takes one; leave one out")
        conflict = exclusive_options(self.directives)
        if conflict:
            raise PassbandError(conflict)
        return self

    def options(self) -> list[str]:
        """Return the `#SBATCH` options of cores, memory and time, and the directives, which replace any of them."""
        asked = {
            "tasks": "-n 1",
            "cores": f"--cpus-per-task={self.cores}",
            "memory": f"--mem={self.memory}" if self.memory is not None else "",
            "walltime": f"-t {self.walltime}" if self.walltime is not None else "",
        }
        if self.memory_per_cpu is not None:
            asked["memory"] = f"--mem-per-cpu={self.memory_per_cpu}"
        kept = [option for group, option in asked.items() if option and not given(group, self.directives)]
        return [*kept, *self.directives]

    def job_options(self) -> dict[str, Any]:
        """Keyword arguments of `dask_jobqueue.SLURMCluster`; queue and account may also be in Dask's configuration."""
        replaced = {"queue": "#SBATCH -p ", "account": "#SBATCH -A ", "job name": "#SBATCH -J "}
        return {
            "queue": self.queue,
            "account": self.account,
            "cores": self.cores,
            "processes": self.processes or self.cores,
            "memory": "1GB",  # it must have a number; what the job asks for is in `options`
            "job_extra_directives": self.options(),
            "job_directives_skip": [
                *_REPLACED,
                *(line for name, line in replaced.items() if given(name, self.directives)),
            ],
            "job_script_prologue": [*(f"export {name}=1" for name in _THREADS), *self.prologue],
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
    if "deaths" in raw:
        raise CampaignError(f"{path.name}: deaths is called crashes now; write that")
    raw = {name: value for name, value in raw.items() if value not in ("", "null", "~")}
    try:
        return SlurmRecipe.model_validate(raw)
    except ValidationError as error:
        lines = error_lines(error, model=SlurmRecipe, data=raw)
        raise CampaignError(*(f"{path.name}: {line}" for line in lines)) from error


def job_script(recipe: SlurmRecipe) -> str:
    """Return the script that is submitted, with `<scheduler>` where its address will be, and `<key>` for its files.

    Raises
    ------
    CampaignError
        dask-jobqueue is not installed.
    """
    from distributed import Security

    files = {f"tls_{name}": "<key>" for name in ("ca_file", "worker_cert", "worker_key")}
    options = recipe.job_options() | {"protocol": "tls://", "security": Security(**files)}
    job = slurm_module().SLURMJob(scheduler="<scheduler>", name="passband-0", **options)
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
