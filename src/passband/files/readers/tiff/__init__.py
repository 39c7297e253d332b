"""TIFF in every dialect that microscopes and ImageJ write."""

from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.source_file import SourceFile


@reads(
    Format(
        name="TIFF",
        endings=(".tif", ".tiff", ".btf"),
        marks=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        pixel_size_from="the tags of FEI, Zeiss, Olympus SIS, TVIPS, JEOL, Digital Micrograph, ImageJ or OME; else a "
        "resolution tag of at most 1 µm",
        energy_from="the tags of FEI, Zeiss, TVIPS or JEOL",
        remark="of several pages the largest; pages of one size are a stack",
    )
)
def read_tiff(source: SourceFile) -> Content:
    """Describe the micrograph, or stack of them, in a TIFF file."""
    from passband.files.readers.tiff.pages import describe_tiff

    return describe_tiff(source)
