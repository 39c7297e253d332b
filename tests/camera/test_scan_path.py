"""The way of the beam: jitter, hum, drift, flyback and rotation as told, and points found again in the frame."""

from math import cos, pi, sin

import numpy as np
import pytest
import torch

from passband.camera.scan_path import FramePart, check_frame, recorded_positions, scan_path, seen_positions
from passband.camera.scanner import Scanner, ScannerDistribution
from passband.recipe import PassbandError

PLAIN = {"dwell_time": 1e-5, "beam_current": 3e-11}
ALL = {"jitter": 0.4, "jitter_across": 0.2, "jitter_correlation": 2.0, "hum": 0.5, "drift": 1.0, "drift_direction": 0.7}
ALL |= {"flyback": 4.0, "settling_time": 2e-4, "rotation": 0.4, "flyback_time": 3e-4}


def drawn(shape=(64, 48), *, pixel_size=0.2, seed=0, origin=(0.0, 0.0), **values):
    scanner = Scanner(**PLAIN | values)
    return scan_path(scanner, shape, pixel_size=pixel_size, rng=np.random.default_rng(seed), origin=origin)


def places(path, rows=None, columns=None):
    """Å on the specimen, (y, x) for every pixel of the frame or for some places."""
    rows = np.arange(path.shape[0], dtype=float)[:, None] if rows is None else rows
    columns = np.arange(path.shape[1], dtype=float)[None, :] if columns is None else columns
    found = path.specimen(torch.from_numpy(np.asarray(rows)), torch.from_numpy(np.asarray(columns)))
    return [np.broadcast_to(one.numpy(), np.broadcast_shapes(rows.shape, columns.shape)) for one in found]


def grid(path):
    return [path.origin[0] + 0.2 * np.arange(path.shape[0])[:, None], path.origin[1] + 0.2 * np.arange(path.shape[1])]


def test_a_perfect_scan_reads_the_grid_from_its_start():
    y, x = places(path := drawn(origin=(3.0, -5.0)))
    np.testing.assert_allclose(y - grid(path)[0], 0.0, atol=1e-12)
    np.testing.assert_allclose(x - grid(path)[1], 0.0, atol=1e-12)


@pytest.mark.parametrize("correlation", [0.0, 1.0, 6.0])
def test_jitter_has_the_rms_and_the_autocorrelation_told(correlation):
    rows = 60_000
    path = drawn((rows, 4), pixel_size=0.2, jitter=0.3, jitter_across=0.1, jitter_correlation=correlation)
    y, x = (one - nominal for one, nominal in zip(places(path), grid(path), strict=True))
    assert np.ptp(x, axis=1).max() < 1e-9  # a row moves as a whole
    error = np.sqrt((1.0 + 2.0 * correlation) / rows)  # of a variance, about: fewer rows are independent
    for shifts, rms in ((x[:, 0] / 0.2, 0.3), (y[:, 0] / 0.2, 0.1)):
        assert np.std(shifts) == pytest.approx(rms, rel=4.0 * error)
        for lag in (1, 4):
            expected = np.exp(-lag / correlation) if correlation else 0.0
            assert np.corrcoef(shifts[lag:], shifts[:-lag])[0, 1] == pytest.approx(expected, abs=5.0 * error)
    assert abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1]) < 5.0 * error


def test_a_stronger_jitter_is_the_same_one_larger():
    once, twice = (places(drawn(jitter=rms))[1] - grid(drawn())[1] for rms in (0.2, 0.4))
    np.testing.assert_allclose(twice, 2.0 * once, atol=1e-12)


@pytest.mark.parametrize("direction", [0.0, 0.5 * pi, 2.0])
def test_drift_moves_what_is_seen_by_speed_times_time(direction):
    # 100 × 80 pixels with 0.2 ms of flyback: 1 ms a row, and 0.1 s for all rows
    path = drawn((101, 80), flyback_time=2e-4, drift=30.0, drift_direction=direction)
    y, x = (one - nominal for one, nominal in zip(places(path), grid(path), strict=True))
    for seen, component in ((y, sin(direction)), (x, cos(direction))):
        np.testing.assert_allclose(seen[100, 0] - seen[0, 0], -30.0 * component * 0.1, atol=1e-9)
        np.testing.assert_allclose(seen[0, 79] - seen[0, 0], -30.0 * component * 79e-5, atol=1e-9)
    # in the recorded image the specimen moves with the drift, and the middle of the frame stays
    points = np.array([[places(path)[0][k, 40], 8.0] for k in (10, 90)])
    moved = recorded_positions(path, points) - recorded_positions(drawn((101, 80), flyback_time=2e-4), points)
    assert (moved[1] - moved[0])[1] == pytest.approx(30.0 * cos(direction) * 0.08 / 0.2, rel=0.02, abs=0.02)
    middle = np.array([[10.0, 7.9]])
    np.testing.assert_allclose(recorded_positions(path, middle), [[50.0, 39.5]], atol=1e-4)


def test_flyback_pushes_the_first_columns_and_decays_with_its_time():
    path = drawn(flyback=4.0, settling_time=1e-4)  # 10 pixels
    beyond = places(path)[1][5] - grid(path)[1]
    np.testing.assert_allclose(beyond / 0.2, 4.0 * np.exp(-np.arange(48) / 10.0), atol=1e-9)
    np.testing.assert_allclose(places(path)[0], np.broadcast_to(grid(path)[0], path.shape), atol=1e-12)


def test_rotation_turns_the_row_from_x_towards_y_about_the_middle():
    y, x = places(path := drawn((65, 49), rotation=0.5, origin=(1.0, 2.0)))
    along = y[32, 30] - y[32, 20], x[32, 30] - x[32, 20]
    np.testing.assert_allclose(along, (2.0 * sin(0.5), 2.0 * cos(0.5)), atol=1e-12)
    np.testing.assert_allclose((y[32, 24], x[32, 24]), (1.0 + 6.4, 2.0 + 4.8), atol=1e-12)
    assert path.middle == (32.0, 24.0)


@pytest.mark.parametrize(("row_time", "turns"), [(20e-3, 0.0), (20.4e-3, 0.02), (10e-3, 0.5), (19e-3, -0.05)])
def test_hum_beats_with_the_rows(row_time, turns):
    path = drawn((200, 100), hum=0.5, hum_frequency=50.0, flyback_time=row_time - 1e-3)
    y, x = (one - nominal for one, nominal in zip(places(path), grid(path), strict=True))
    amplitude, phase, direction = path.hum
    column = (np.arange(200) - 99.5) * row_time - 49.5e-5
    wave = np.sin(2.0 * pi * 50.0 * column + phase)
    sign = np.sign(np.sum(x[:, 0] * wave) * cos(direction))  # the phase is counted from between two rows: either sign
    np.testing.assert_allclose(x[:, 0] / 0.2, sign * amplitude * cos(direction) * wave, atol=1e-9)
    np.testing.assert_allclose(y[:, 0] / 0.2, sign * amplitude * sin(direction) * wave, atol=1e-9)
    steps = np.abs(np.diff(x[:, 0]))
    assert steps.max() <= 0.2 * 0.5 * 2.0 * abs(sin(pi * turns)) + 1e-9


def test_hum_goes_from_row_to_row_the_short_way():
    # 1.02 turns a row are 0.02 for an eye: between two rows the shift lies between theirs
    path = drawn((200, 100), hum=0.5, hum_frequency=50.0, flyback_time=19.4e-3)
    rows = np.arange(0.0, 199.0, 0.5)
    nominal = 0.2 * rows, np.zeros_like(rows)
    for read, without in zip(places(path, rows, np.zeros_like(rows)), nominal, strict=True):
        shift = read - without
        assert np.all(np.abs(shift[1:-1:2] - 0.5 * (shift[:-2:2] + shift[2::2])) < 0.2 * 0.5 * (2.0 * pi * 0.02) ** 2)


def test_points_are_found_where_they_were_read():
    path = drawn((128, 96), **ALL)
    rng = np.random.default_rng(5)
    where = rng.uniform((3.0, 3.0), (124.0, 92.0), (500, 2))
    y, x = places(path, where[:, 0], where[:, 1])
    found = recorded_positions(path, np.stack((y, x), axis=1))
    again = np.stack(places(path, found[:, 0], found[:, 1]), axis=1)
    np.testing.assert_allclose(again, np.stack((y, x), axis=1), atol=0.2 * 1e-3)
    # where rows are out of order a point is seen several times, and any of these places will do
    assert np.mean(np.abs(found - where).max(axis=1) < 0.01) > 0.9
    assert np.abs(found - where).max() < 1.5


@pytest.mark.parametrize("seed", range(12))
def test_points_of_any_drawn_scan_are_found(seed):
    scanner = ScannerDistribution.wide().sample(np.random.default_rng(seed))
    path = scan_path(scanner, (256, 256), pixel_size=0.2, rng=np.random.default_rng(seed), origin=(2.0, 3.0))
    points = np.random.default_rng(seed).uniform(0.0, 60.0, (300, 2))
    found = recorded_positions(path, points)
    np.testing.assert_allclose(np.stack(places(path, found[:, 0], found[:, 1]), 1), points, atol=0.2 * 0.01)


def test_places_averaged_over_rows_are_steadier():
    path = drawn((4000, 8), jitter=0.5)
    points = np.stack((np.arange(100.0, 700.0), np.full(600, 0.8)), axis=1)
    spreads = {spread: np.std(recorded_positions(path, points, spread=spread)[:, 1]) for spread in (0.0, 2.0, 6.0)}
    # a Gaussian average over s rows of independent values leaves 1/√(2√π s) of their rms
    assert spreads[0.0] == pytest.approx(0.5, rel=0.15)
    assert spreads[2.0] == pytest.approx(0.5 / np.sqrt(4.0 * np.sqrt(pi)), rel=0.15)
    assert spreads[6.0] == pytest.approx(0.5 / np.sqrt(12.0 * np.sqrt(pi)), rel=0.15)
    hum = drawn((200, 100), hum=1.0, flyback_time=9e-3)  # half a turn from row to row
    assert hum.averaged(2.0).hum[0] == pytest.approx(0.0, abs=1e-3)
    slow = drawn((200, 100), hum=1.0, flyback_time=19.4e-3)  # 0.02 turns
    assert slow.averaged(2.0).hum[0] == pytest.approx(np.exp(-2.0 * (pi * 0.02 * 2.0) ** 2), rel=1e-3)


def test_points_of_a_periodic_specimen_come_as_often_as_the_frame_shows_them():
    path = drawn((100, 100), origin=(-1.0, 2.0))  # 20 Å of a field of 8 × 7 Å
    index, found = seen_positions(path, np.array([[1.0, 3.0], [5.0, 6.5]]), field=(8.0, 7.0))
    expected = {0: [(y, x) for y in (1.0, 9.0, 17.0) for x in (3.0, 10.0, 17.0)]}
    expected[1] = [(y, x) for y in (-3.0, 5.0, 13.0) for x in (6.5, 13.5, 20.5) if y > -1.0]
    for point, where in expected.items():
        pixels = sorted((round((y + 1.0) / 0.2, 6), round((x - 2.0) / 0.2, 6)) for y, x in where)
        np.testing.assert_allclose(sorted(map(tuple, found[index == point])), pixels, atol=1e-3)
    nothing, no_places = seen_positions(path, np.zeros((0, 2)), field=(8.0, 7.0))
    assert (nothing.shape, no_places.shape) == ((0,), (0, 2))
    assert len(seen_positions(path, np.array([[50.0, 50.0]]), field=(1e3, 1e3))[0]) == 0


@pytest.mark.parametrize("seed", range(4))
def test_all_points_in_the_frame_are_seen_once_however_it_is_distorted(seed):
    path = drawn((120, 90), seed=seed, **ALL)
    rng = np.random.default_rng(seed)
    index, found = seen_positions(path, rng.uniform(0.0, 1.0, (40, 2)) * (9.0, 11.0), field=(9.0, 11.0), spread=2.0)
    density = 40.0 / (9.0 * 11.0) * abs(np.linalg.det(path.linear()))
    assert len(index) == pytest.approx(density * 120 * 90, abs=25)
    assert len(np.unique(found.round(4), axis=0)) == len(found)
    assert np.all((found > -0.5) & (found < np.array([119.5, 89.5])))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"drift": 900.0, "dwell_time": 1e-4}, r"moves the specimen by .* out of the field; keep it below"),
        ({"jitter": 6.0}, r"jitter=6 pixels does not fit a frame of 64 × 48; it may be 4.8"),
        ({"shape": (0, 5)}, r"a frame of 0 × 5 pixels of 0.2 Å is empty"),
        ({"pixel_size": -0.2}, r"of -0.2 Å is empty"),
    ],
)
def test_scans_that_do_not_fit_their_frame_are_refused_in_one_line(values, message):
    with pytest.raises(PassbandError, match=message) as raised:
        drawn(**values)
    assert "\n" not in str(raised.value)


def test_a_distribution_fits_a_frame_if_its_largest_does():
    wide = ScannerDistribution.wide()
    check_frame(wide.largest(), (512, 512), pixel_size=0.2)
    with pytest.raises(PassbandError, match=r"drift=2 Å/s moves the specimen by 87.98 Å"):  # 2 Å/s · 1024 · 42.96 ms
        check_frame(wide.largest(), (1024, 1024), pixel_size=0.05)
    with pytest.raises(PassbandError, match=r"flyback=8 pixels does not fit"):
        check_frame(wide.largest(), (64, 64), pixel_size=0.2)
    shaky = ScannerDistribution(**PLAIN, jitter={"normal": [1.0, 0.5]})
    assert shaky.largest().jitter == 3.5


@pytest.mark.parametrize("points", [np.zeros(2), np.zeros((4, 3))])
def test_positions_of_a_wrong_shape_are_refused(points):
    with pytest.raises(PassbandError, match=r"are not \(n, 2\)"):
        recorded_positions(drawn(), points)


def test_a_path_is_that_of_its_seed():
    first, again, other = drawn(seed=1, **ALL), drawn(seed=1, **ALL), drawn(seed=2, **ALL)
    assert (first.shifts.tobytes(), first.hum) == (again.shifts.tobytes(), again.hum)
    assert first.shifts.tobytes() != other.shifts.tobytes()
    assert first.hum != other.hum


@pytest.mark.parametrize("values", [{}, ALL, {"rotation": -2.2, "drift": 5.0}])
@pytest.mark.parametrize("part", [FramePart(0, 0, 64, 48), FramePart(20, 7, 9, 31), FramePart(50, 40, 14, 8)])
def test_points_seen_in_a_part_are_those_of_the_frame_that_lie_in_it(values, part):
    # rejects places from the begin of the part, a part without what distortions bring in, rows and columns exchanged
    path = drawn(origin=(2.0, -7.0), **values)
    points = np.random.default_rng(1).uniform(0.0, 7.0, (250, 2))
    index, at = seen_positions(path, points, field=(7.0, 7.5), spread=1.0)
    begin, size = np.array(part[:2]), np.array(part[2:])
    inside = np.all((at >= begin - 0.5) & (at < begin + size - 0.5), axis=1)
    some, there = seen_positions(path, points, field=(7.0, 7.5), spread=1.0, part=part)
    assert inside.sum() > 3
    both = [np.column_stack([one, place]) for one, place in ((index[inside], at[inside]), (some, there))]
    first, second = (one[np.lexsort(one.round(2).T[::-1])] for one in both)
    np.testing.assert_allclose(second, first, atol=1e-3)
