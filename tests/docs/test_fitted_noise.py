"""The page of fitted noise: its examples run as they stand, and it names every estimate."""

import re
from pathlib import Path

from passband.camera.fitted_noise import Estimate, FittedNoise

PAGE = (Path(__file__).parents[2] / "docs" / "fitted_noise.md").read_text(encoding="utf-8")


def test_the_examples_run_one_after_another(capsys):
    names: dict[str, object] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(text, "docs/fitted_noise.md", "exec"), names)
    gain, noise, shape = capsys.readouterr().out.splitlines()
    low, high = (float(one) for one in re.findall(r"([\d.]+) to ([\d.]+)", gain)[0])
    assert low < 12.0 < high
    before, after = (float(one) for one in re.findall(r"0\.\d+", noise))
    assert abs(before - after) < 0.03
    assert shape == "torch.Size([4, 1, 96, 96]) 0.15"


def test_every_estimate_is_named():
    estimates = {name for name, one in FittedNoise.model_fields.items() if isinstance(one.default, Estimate)}
    assert estimates <= set(re.findall(r"`(\w+)`", PAGE))
