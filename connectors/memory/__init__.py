"""The complete in-memory twin of a foreign system: for tests, tutorials and trying bridges without anybody else."""
