"""Was an image damaged after it was recorded: grey levels that are full, a border of one level, a burned-in scale."""

from passband.camera.artefacts import clipped_shares, saturated_share
from passband.camera.burned_in import bar_share
from passband.checks.check import Check

BORDER = 0.01  # of the pixels
FULL = 0.1  # of the pixels: errors of masks grew by 4 % with as many clipped at both ends, by 14 % with 20 %
BRIGHTEST = 0.05  # of the pixels of a scan


SATURATED_PIXELS = Check(
    modes=("TEM", "SEM"),
    name="saturated",
    word="saturated",
    text="more than 10 % of its pixels have the darkest or the brightest level there is: expose less, or save it "
    "without clipping the contrast",
    level=1,
    measure=lambda subject: saturated_share(subject.recorded),
    least=FULL,
    calibrated=False,
)
CLIPPED_COLUMNS = Check(
    modes=("STEM",),
    name="clipped",
    word="saturated",
    text="more than 5 % of its pixels have the brightest level there is: columns are found where they are, but heights "
    "are too small; lower the gain of the detector",
    level=0,  # networks learn from such scans; and where no electron came, many pixels have the darkest level
    measure=lambda subject: clipped_shares(subject.recorded)[1],
    least=BRIGHTEST,
    calibrated=False,
)
BLACK_BORDER = Check(
    name="border",
    word="border",
    text="more than 1 % of it is a border or corners of one grey level, which the network was not shown and which are"
    " background",
    level=0,  # the mask is that of the image without it
    measure=lambda subject: subject.border_share,
    least=BORDER,
    calibrated=False,
)
BURNED_SCALE = Check(
    name="scale_bar",
    word="scale bar",
    text="a scale bar is burned into it: what the mask says under it means nothing; crop it",
    level=0,
    measure=lambda subject: bar_share(subject.recorded),
    calibrated=False,
)
