"""Failures: how well the probability that a mask fails tells masks that did from those that did not.

    OMP_NUM_THREADS=1 python benchmarks/failure.py

From the images on the cards of the networks that come with passband, each predicted without its data set: the area
under the ROC curve of the probability, and of the predicted error area alone; the probability above which masks are
doubted, a third of that where features or spectrum are rare; and which shares of right and of failed masks are.
*Before* are the limits that the verdict had until 27 November 2026: an error area above what is predicted for 93 % of
the images inside, or a predicted Dice below ½ with an error area above 1 %. Conditions are not known. *Expected* and
*true* are the mean probability and the share of failures where it is below and above ½.

Remarks
-------
The choice of the model (a line, its features, its penalty) was made on these images, not its fit. A Dice cannot be
learned from images that are empty in truth and in mask; these are predicted by the model of the others.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from passband.performance.error_model import ErrorModel
from passband.performance.failure import HALF, SOME, failed
from passband.performance.image_error import SMALLEST, ImageErrorModel
from passband.segmentation.card import read_card
from passband.segmentation.shipped import find_model

NETWORKS = ("au_hrtem", "hrtem_particles", "haadf_atoms", "wse2_defects")
USUAL = 0.93

Flags = NDArray[np.bool_]


def before(images: ImageErrorModel) -> Flags:
    """Which masks (n,) the two limits of before doubt."""
    area = np.exp(images.regression("error_area", known=False).predicted)
    errors, values = images.regression("dice", known=False), images.values(images.table.images, "dice")
    seen, found = np.isfinite(values), np.empty(len(values))
    found[seen] = errors.predicted
    if not seen.all():
        found[~seen] = errors.predict(images.features(images.table.images, None)[~seen])[0]
    wrong = (1.0 - np.exp(found) + SMALLEST < HALF) & (area - SMALLEST > SOME)
    return np.asarray((area > np.quantile(area[images.inside], USUAL)) | wrong)


def limits(images: ImageErrorModel) -> NDArray[np.float64]:
    """Probability (n,) above which the mask of each image is doubted."""
    names, columns = images.names, images.table.images
    rows = ({name: columns[name][k] for name in names} for k in range(len(images.sets)))
    return np.array([images.failure_limit(row, known=False)[0] for row in rows])


def share(chosen: Flags) -> str:
    """Share in %."""
    return f"{100.0 * chosen.mean():.0f}" if len(chosen) else "–"


def main() -> None:
    columns = ["network", "images", "failed, %", "ROC area", "error area alone", "limit", "right masks doubted, %"]
    columns += ["failed ones", "before: right", "failed", "expected and true below ½", "above ½"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name in NETWORKS:
        calibrated = ErrorModel.of_card(read_card(find_model(name)))
        assert calibrated is not None
        images = calibrated.images
        assert images is not None
        bad, area = (
            failed(images.table.images, images.judged_by),
            images.regression("error_area", known=False).predicted,
        )
        model, old = images.failure(known=False), before(images)
        doubted, sure = model.left_out > limits(images), model.left_out > HALF
        for where, chosen in (("inside", images.inside), ("beyond", ~images.inside)):
            ranks = [roc_auc_score(bad[chosen], one[chosen]) for one in (model.left_out, area)]
            shares = [share(one[chosen & kind]) for one in (doubted, old) for kind in (~bad, bad)]
            means = [
                f"{model.left_out[part].mean():.2f}, {bad[part].mean():.2f}" for part in (chosen & ~sure, chosen & sure)
            ]
            print(f"| {name}, {where} | {chosen.sum()} | {share(bad[chosen])} | ", end="")
            print(
                " | ".join([*(f"{one:.2f}" for one in ranks), f"{model.limit:.2f}", *shares, *means]), "|", flush=True
            )


if __name__ == "__main__":
    main()
