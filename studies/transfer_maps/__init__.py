"""What defocus and spherical aberration transfer."""
