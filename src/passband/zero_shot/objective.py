"""What a set of masks is worth: how well it matches what it stands for, against how many masks it takes.

"SAM-I-Am" (Abebe et al., Comput. Mater. Sci. 246, 113400) weighs overlap against cardinality. Its equation was not to
be had: the form here is inferred, and its trade-off a parameter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TRADE_OFF = 0.01  # what one mask more must bring in mean overlap


@dataclass(frozen=True)
class Objective:
    """Worth of some masks.

    Attributes
    ----------
    overlap
        Mean over the masks of the reference of the best IoU that any mask has with it, 0 to 1; NaN without any.
    cardinality
        How many masks there are.
    trade_off
        Overlap that one mask more must bring.
    """

    overlap: float
    cardinality: int
    trade_off: float = TRADE_OFF

    @property
    def value(self) -> float:
        """Overlap − trade-off · cardinality."""
        return self.overlap - self.trade_off * self.cardinality


def objective(iou: NDArray[np.float64], *, trade_off: float = TRADE_OFF) -> Objective:
    """Weigh masks against those that they stand for, such as all that were proposed, or the true ones.

    `iou` (m, n) is that of each mask of the reference with each of the masks, as `pairwise_iou` says it.
    """
    best = iou.max(1, initial=0.0)
    return Objective(float(best.mean()) if len(best) else float("nan"), iou.shape[1], trade_off)


def pairwise_iou(masks: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU (n, m) of each of some masks (n, cells) with each of others (m, cells); 0 where both are empty."""
    common = (masks.astype(np.float32) @ others.T.astype(np.float32)).astype(np.float64)
    either = masks.sum(1)[:, None] + others.sum(1)[None, :] - common
    iou: NDArray[np.float64] = np.divide(common, either, out=np.zeros_like(common), where=either > 0)
    return iou
