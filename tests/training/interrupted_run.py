"""Run by test_interruption: trainings killed at random moments, forked from one process that imported torch once.

usage: interrupted_run.py DIRECTORY KILLS SEED
Prints one JSON line: how often the kill struck, and how many of those fell inside a write.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import torch
import torch._dynamo  # optimisers import it at their first step: once here instead of in every child
from torch import nn

from passband.training import TrainingRecipe, fit

RECIPE = TrainingRecipe(
    epochs=12, steps_per_epoch=3, batch_size=4, learning_rate=0.02, schedule="cosine", warmup_steps=5, average=0.9
)


class Regression(nn.Module):
    """A line through noise, with dropout, so that the random state counts."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))

    def loss(self, batch, *, step):
        return (self.layers(batch[0]) - batch[1]).square().mean()

    def validate(self, name, batches):
        return {"training_loss": float(sum(self.loss(batch, step=0) for batch in batches))}


def batches(step, size):
    time.sleep(0.002)  # room for a kill in the middle of an epoch
    generator = torch.Generator().manual_seed(1000 + step)
    x = torch.randn(size, 6, generator=generator)
    return x, x.sum(1, keepdim=True)


def train(directory):
    return fit(Regression(), batches, {"held": [batches(10**6, 8)]}, RECIPE, directory)


def kill_at_write(number):
    """Die at the n-th call that touches the disk, before or after it took effect."""
    calls = 0

    def lethal(function):
        def wrapped(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **options)
            if calls == number + 1 and number % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    os.replace, os.fsync = lethal(os.replace), lethal(os.fsync)


def child(directory, at_write, moment):
    torch.set_num_threads(1)
    if at_write:
        kill_at_write(int(moment * 25) + 1)
    else:
        threading.Timer(0.005 + 0.15 * moment, os.kill, (os.getpid(), signal.SIGKILL)).start()
    train(directory)
    os._exit(0)


def main(directory, kills, seed):
    chance, struck, in_write = random.Random(seed), 0, 0
    torch.set_num_threads(1)  # before any work: a forked child must not inherit a pool of threads that it does not have
    for attempt in range(kills):
        at_write, moment = attempt % 2 == 0, chance.random()
        pid = os.fork()
        if pid == 0:
            child(directory / "killed", at_write, moment)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            struck += 1
            in_write += at_write
        elif os.WEXITSTATUS(status):
            sys.exit(f"attempt {attempt} failed by itself")
    for name in ("killed", "quiet"):  # the first to its end, the second without any kill
        pid = os.fork()
        if pid == 0:
            train(directory / name)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    sys.stdout.write(json.dumps({"struck": struck, "in_write": in_write}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
