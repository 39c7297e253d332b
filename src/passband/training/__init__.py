"""One loop for any learner: steps, validation on named conditions, checkpoints, resume, history.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""

from passband.training.checkpoint import TrainingError
from passband.training.history import History
from passband.training.loop import FitOptions, TrainingProgress, fit
from passband.training.rates import RateSweep, learning_rate_finder
from passband.training.recipe import Learner, TrainingRecipe
from passband.training.turns import Followed, Players, Turn

__all__ = [
    "FitOptions",
    "Followed",
    "History",
    "Learner",
    "Players",
    "RateSweep",
    "TrainingError",
    "TrainingProgress",
    "TrainingRecipe",
    "Turn",
    "fit",
    "learning_rate_finder",
]
