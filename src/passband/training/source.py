"""Batches by step: made when asked for, or one ahead in a second thread."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from passband.training.recipe import Batches, TrainingRecipe


class BatchSource:
    """Gives the batch of a step; `ahead` starts the next one while the network works on this one."""

    def __init__(self, batches: Batches, recipe: TrainingRecipe, ahead: bool) -> None:
        self.batches, self.size = batches, recipe.batch_size
        self.last = recipe.epochs * recipe.steps_per_epoch - 1
        self.pool = ThreadPoolExecutor(1) if ahead else None
        self.waiting: tuple[int, Future[Any]] | None = None

    def __enter__(self) -> Callable[[int], Any]:
        return self.batch

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)

    def batch(self, step: int) -> Any:
        """Return the batch of a step; an error in making it is raised here."""
        if self.pool is None:
            return self.batches(step, self.size)
        if self.waiting is None or self.waiting[0] != step:
            self.waiting = (step, self.pool.submit(self.batches, step, self.size))
        ready = self.waiting[1].result()
        self.waiting = (step + 1, self.pool.submit(self.batches, step + 1, self.size)) if step < self.last else None
        return ready
