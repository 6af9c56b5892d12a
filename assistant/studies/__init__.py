"""Studies: what needs both training and evaluation. They compose ``tuning`` and ``eval``, which do not meet elsewhere."""
