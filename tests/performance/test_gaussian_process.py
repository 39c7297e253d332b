"""A Gaussian process agrees with scikit-learn's where that has all it needs, and needs less."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from passband.performance.gaussian_process import JITTER, GaussianProcess, Kernel, fitted_kernel

Array = NDArray[np.float64]
KERNEL = Kernel(variance=2.0, length=3.0, noise=0.3)


@pytest.fixture(scope="module")
def cases() -> tuple[Array, Array]:
    """Features of unlike scales, one of which never varies, and noisy values far from 0."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(60, 4)) * (100.0, 1.0, 1e-3, 0.0) + (0.0, 5.0, 0.0, 7.0)
    values = 20.0 + 3.0 * np.sin(features[:, 0] / 80.0) + features[:, 1] + 0.5 * rng.normal(size=60)
    return features, values


def oracle(features: Array, values: Array, *, scale: bool = True) -> GaussianProcessRegressor:
    kernel = ConstantKernel(KERNEL.variance) * Matern(KERNEL.length, nu=2.5) + WhiteKernel(KERNEL.noise)
    return GaussianProcessRegressor(kernel, alpha=JITTER, optimizer=None, normalize_y=scale).fit(features, values)


def scaled(features: Array, told: Array) -> Array:
    return (features - told.mean(axis=0)) / np.array([*told.std(axis=0)[:3], 1.0])


def test_predictions_are_those_of_scikit_learn(cases: tuple[Array, Array]) -> None:
    features, values = cases
    new = features[:9] + np.array([30.0, -0.5, 0.0, 0.0])
    found = GaussianProcess.conditioned(KERNEL, features, values).predict(new)
    expected = oracle(scaled(features, features), values).predict(scaled(new, features), return_std=True)
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-8)


def test_leaving_out_in_closed_form_is_leaving_out(cases: tuple[Array, Array]) -> None:
    """Against scikit-learn, told all cases but one; features and values are scaled as with it."""
    features, values = cases
    predicted, deviations = GaussianProcess.conditioned(KERNEL, features, values).leave_one_out()
    unit = (values - values.mean()) / values.std()
    for left in (0, 7, 59):
        others = np.arange(len(values)) != left
        again = oracle(scaled(features, features)[others], unit[others], scale=False)
        value, deviation = again.predict(scaled(features, features)[left : left + 1], return_std=True)
        assert predicted[left] == pytest.approx(value[0] * values.std() + values.mean(), rel=1e-8)
        assert deviations[left] == pytest.approx(deviation[0] * values.std(), rel=1e-8)


def test_the_kernel_that_is_found_is_likelier_than_its_neighbours(cases: tuple[Array, Array]) -> None:
    features, values = cases
    found = fitted_kernel(features, values)
    unit = (values - values.mean()) / values.std()

    def likelihood(kernel: Kernel) -> float:
        points = scaled(features, features)
        covariance = kernel.covariance(points, points) + (kernel.noise + JITTER) * np.eye(len(unit))
        return float(-0.5 * unit @ np.linalg.solve(covariance, unit) - 0.5 * np.linalg.slogdet(covariance)[1])

    for name, value in found.model_dump().items():
        for factor in (0.8, 1.25):
            assert likelihood(found.model_copy(update={name: value * factor})) < likelihood(found)


def test_values_that_are_all_the_same_are_predicted_without_a_division_by_zero() -> None:
    features = np.arange(12.0).reshape(6, 2)
    value, deviation = GaussianProcess.conditioned(KERNEL, features, np.full(6, 3.0)).predict(features + 0.5)
    np.testing.assert_allclose(value, 3.0)
    assert (deviation > 0).all()


@pytest.mark.parametrize("name", ["variance", "length", "noise"])
def test_a_kernel_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Kernel.model_validate({**KERNEL.model_dump(), name: 0.0})


def test_a_block_that_is_left_out_is_predicted_as_by_a_process_without_it() -> None:
    """Against conditioning on the others, with mean and spread as of all: the same for scaled features of its own."""
    rng = np.random.default_rng(4)
    features = rng.normal(size=(40, 2))
    values = np.sin(features[:, 0]) + 0.1 * rng.normal(size=40)
    process = GaussianProcess.conditioned(KERNEL, features, values)
    out = np.zeros(40, dtype=bool)
    out[[3, 4, 17]] = True
    found, deviation = process.left_out(out, values)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    covariance = KERNEL.covariance(scaled, scaled) + KERNEL.noise * np.eye(40)
    weights = np.linalg.solve(covariance[np.ix_(~out, ~out)], covariance[np.ix_(~out, out)])
    expected = values.mean() + weights.T @ (values[~out] - values.mean())
    left = covariance[np.ix_(out, out)] - covariance[np.ix_(out, ~out)] @ weights
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(deviation, values.std() * np.sqrt(np.diag(left)), rtol=1e-6)
    alone, _ = process.leave_one_out()
    single = np.arange(40) == 5
    assert process.left_out(single, values)[0][0] == pytest.approx(alone[5])


def test_a_process_like_another_shares_what_is_the_same_and_no_more(cases: tuple[Array, Array]) -> None:
    # rejects a shared decomposition of other features or of another kernel, and shared weights
    features, values = cases
    other = GaussianProcess.conditioned(KERNEL, features, values)
    short = KERNEL.model_copy(update={"length": 0.5 * KERNEL.length})
    for kernel, places in ((KERNEL, features), (KERNEL, features[::-1] * [1.0, 2.0, 1.0, 1.0]), (short, features)):
        alone = GaussianProcess.conditioned(kernel, places, np.sqrt(values))
        shared = GaussianProcess.conditioned(kernel, places, np.sqrt(values), like=other)
        np.testing.assert_array_equal(shared.predict(features[:5] + 0.1), alone.predict(features[:5] + 0.1))
        np.testing.assert_array_equal(shared.leave_one_out(), alone.leave_one_out())
    fewer = GaussianProcess.conditioned(KERNEL, features[:40], values[:40], like=other)
    np.testing.assert_array_equal(
        fewer.leave_one_out(), GaussianProcess.conditioned(KERNEL, features[:40], values[:40]).leave_one_out()
    )
