"""Studies: what needs both training and evaluation; ``tuning`` and ``eval`` meet nowhere else."""
