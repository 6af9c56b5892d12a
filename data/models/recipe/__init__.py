"""The open recipe of the embedded model: data preparation, generators, training, export and evaluation."""
