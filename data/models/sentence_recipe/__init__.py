"""The open recipe of the bilingual sentence embedder: pairs, starting vectors, training, evaluation."""
