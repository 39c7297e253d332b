"""Electrons, noise along the scan, background, converter, and frames that depend on nothing but their seeds."""

import numpy as np
import pytest
import torch

from passband.camera.scan_path import scan_path
from passband.camera.scan_readout import amplified, detected, scan_frames
from passband.camera.scanner import Scanner, ScannerDistribution
from passband.recipe import PassbandError

PLAIN = {"dwell_time": 2e-5, "beam_current": 3e-11}  # 3745 electrons
ELECTRONS = 3e-11 * 2e-5 / 1.602176634e-19


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_counts_are_those_of_the_beam_times_the_fraction_and_poisson():
    fraction = torch.cat((torch.full((128, 256), 0.002), torch.full((128, 256), 0.05)))
    frame = detected(fraction, Scanner(**PLAIN), generator=seeded())
    assert (float(frame.gain), float(frame.offset)) == (1.0, 0.0)
    for half, expected in ((frame.image[:128], 0.002 * ELECTRONS), (frame.image[128:], 0.05 * ELECTRONS)):
        assert half.mean().item() == pytest.approx(expected, rel=5.0 / (expected * half.numel()) ** 0.5)
        assert (half.var() / half.mean()).item() == pytest.approx(1.0, abs=0.04)  # 5 standard errors
        assert torch.equal(half, half.round())
    dark = detected(torch.zeros(64, 64), Scanner(**PLAIN), generator=seeded())
    assert not dark.image.any()


def test_excess_noise_and_amplifier_noise_add_their_variances():
    scanner = Scanner(**PLAIN, excess_noise=0.5, amplifier_noise=9.0)
    image = detected(torch.full((400, 400), 0.03), scanner, generator=seeded()).image
    assert image.var().item() == pytest.approx(0.03 * ELECTRONS * 1.5 + 81.0, rel=0.02)
    assert image.mean().item() == pytest.approx(0.03 * ELECTRONS, abs=0.25)


def correlations(image):
    about = image - image.mean()
    power = about.square().mean()
    return [((about[:, 1:] * about[:, :-1]).mean() / power).item(), ((about[1:] * about[:-1]).mean() / power).item()]


def test_amplifier_noise_lasts_along_the_rows_and_not_across():
    scanner = Scanner(**PLAIN, amplifier_noise=5.0, amplifier_time=4e-5)
    along, across = correlations(detected(torch.zeros(400, 300), scanner, generator=seeded()).image)
    assert along == pytest.approx(np.exp(-0.5), abs=0.02)
    assert abs(across) < 0.02
    white = correlations(
        detected(torch.zeros(400, 300), scanner.model_copy(update={"amplifier_time": 0.0}), generator=seeded()).image
    )
    assert max(map(abs, white)) < 0.02


@pytest.mark.parametrize("flyback_time", [0.0, 3e-5])
def test_amplifier_noise_is_carried_over_the_ends_of_rows(flyback_time):
    scanner = Scanner(**PLAIN, amplifier_time=4e-5, flyback_time=flyback_time)
    noise = amplified(torch.randn(60_000, 6, generator=seeded(), dtype=torch.float64), scanner)
    carried = (noise[1:, 0] * noise[:-1, -1]).mean().item()
    assert carried == pytest.approx(np.exp(-(2e-5 + flyback_time) / 4e-5), abs=0.02)
    assert noise[:, 0].var().item() == pytest.approx(1.0, abs=0.03)


def test_contamination_grows_with_time_and_is_slow():
    scanner = Scanner(dwell_time=1e-2, beam_current=1e-8, contamination=0.5)  # so many electrons that noise is nothing
    image = detected(torch.full((200, 150), 0.1), scanner, generator=seeded(3)).image / (0.1 * scanner.electrons)
    thirds = [one.mean().item() - 1.0 for one in image.chunk(3)]
    assert thirds[0] < thirds[1] < thirds[2]
    # the mean over the frame of what ends at ½ is ¼, but for the unevenness of 0.3, of mean 0, that goes with time
    assert sum(thirds) / 3.0 == pytest.approx(0.25, abs=0.08)
    assert abs(image[0].mean().item() - 1.0) < 0.01
    spectrum = torch.fft.rfft2(image - image.mean()).abs().square()
    assert (spectrum[4:-3, 4:].sum() / spectrum.sum()).item() < 1e-3


def test_charging_is_a_slope_of_the_background_in_a_direction_of_its_own():
    scanner = Scanner(dwell_time=1e-2, beam_current=1e-8, charging=0.4)
    for seed in range(3):
        image = detected(torch.full((100, 100), 0.1), scanner, generator=seeded(seed)).image / (0.1 * scanner.electrons)
        rise = [image.mean(dim=one)[-1] - image.mean(dim=one)[0] for one in (0, 1)]
        assert float(torch.hypot(*rise)) == pytest.approx(0.4 * 0.99, abs=0.01)
        assert image.mean().item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_converter_scales_clips_and_rounds(bits):
    top = 2**bits - 1
    fraction = torch.linspace(0.0, 0.2, 100).repeat(50, 1)
    scanner = Scanner(dwell_time=1e-2, beam_current=1e-8, bits=bits, filling=1.25, offset=-0.05)
    image, gain, offset = detected(fraction, scanner, generator=seeded())
    assert torch.equal(image, image.round())
    assert (image.min(), image.max()) == (0.0, top)
    assert offset.item() == pytest.approx(-0.05 * top)
    assert (gain * 0.2 * scanner.electrons).item() == pytest.approx(1.25 * top)
    expected = (1.25 * fraction[0] / 0.2 - 0.05) * top
    middle = (expected > 1.0) & (expected < top - 1.0)
    torch.testing.assert_close(image.mean(dim=0)[middle], expected[middle], rtol=0.0, atol=0.51 + 1e-4 * top)
    assert image[:, expected > top + 0.01 * top].eq(top).all()


def test_an_empty_frame_is_recorded():
    frame = detected(torch.zeros(16, 16), Scanner(**PLAIN, bits=16, offset=0.1), generator=seeded())
    assert frame.image.eq(round(0.1 * 65535)).all()


def test_frames_depend_on_their_seeds_alone():
    ideals = torch.rand(3, 64, 64, generator=seeded(9)) * 0.1
    before = ideals.clone()
    scans = [ScannerDistribution.wide().sample(np.random.default_rng(seed)) for seed in range(3)]

    def frames(which):
        paths = [scan_path(scans[k], (48, 40), pixel_size=0.2, rng=np.random.default_rng(k)) for k in which]
        chosen = [seeded(k) for k in which]
        made = scan_frames(ideals[list(which)], paths, pixel_size=0.15, generators=chosen)
        return [one.image.numpy().tobytes() for one in made]

    together, again = frames((0, 1, 2)), frames((0, 1, 2))
    torch.rand(5)  # the global state must not matter
    alone = [frames((k,))[0] for k in (2, 0, 1)]
    assert together == again == [alone[1], alone[2], alone[0]]
    assert len(set(together)) == 3
    assert torch.equal(ideals, before)


@pytest.mark.parametrize(
    ("ideals", "paths", "message"),
    [
        (torch.zeros(2, 8, 8), 1, r"\(2, 8, 8\) images, 1 paths and 1 generators"),
        (torch.full((1, 8, 8), 200.0), 1, r"from 200 to 200 are no fraction of the beam"),
        (torch.full((1, 8, 8), -0.1), 1, r"from -0.1 to -0.1 are no fraction of the beam"),
        (torch.full((1, 8, 8), float("nan")), 1, r"are no fraction of the beam"),
    ],
)
def test_what_is_no_fraction_of_the_beam_is_refused_in_one_line(ideals, paths, message):
    path = scan_path(Scanner(**PLAIN), (8, 8), pixel_size=0.2, rng=np.random.default_rng(0))
    with pytest.raises(PassbandError, match=message) as raised:
        scan_frames(ideals, [path] * paths, pixel_size=0.2, generators=[seeded()] * paths)
    assert "\n" not in str(raised.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_keeps_its_tensors():
    path = scan_path(
        ScannerDistribution.wide().sample(np.random.default_rng(0)),
        (32, 32),
        pixel_size=0.2,
        rng=np.random.default_rng(0),
    )
    generators = [torch.Generator("cuda").manual_seed(0)]
    ideals = torch.rand(1, 64, 64, device="cuda") * 0.1
    frame = scan_frames(ideals, [path], pixel_size=0.1, generators=generators)[0]
    assert frame.image.is_cuda
    assert frame.image.isfinite().all()
