"""Retrieval: documents to passages. :class:`assistant.retrieval.library.Library` is the door."""
