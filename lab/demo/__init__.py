"""What `make run` runs: Tieline, three stand-ins, and story 1 happening before your eyes."""
