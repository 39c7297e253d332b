"""HDF5: Velox .emd, open EMD, HyperSpy, .dm5, and any other file in which one image can be told."""

from passband.files.content import Content
from passband.files.formats import Format, reads
from passband.files.source_file import SourceFile


@reads(
    Format(
        name="EMD/HSPY/DM5/HDF5",
        endings=(".emd", ".hspy", ".dm5", ".hdf5", ".h5"),
        marks=(b"\x89HDF\r\n\x1a\n",),
        pixel_size_from="the metadata of Velox or Digital Micrograph, the axes of HyperSpy or EMD",
        energy_from="the metadata of Velox, Digital Micrograph or HyperSpy, the microscope group of EMD",
        remark="what was acquired rather than computed, one image rather than a stack beside it; stacks too",
    )
)
def read_hdf5(source: SourceFile) -> Content:
    """Describe the micrograph in an HDF5 file of any of the known layouts."""
    from passband.files.readers.hdf5.choosing import describe_hdf5

    return describe_hdf5(source)
