"""The floor: the least that the same stack needs for the same work and nothing else."""
