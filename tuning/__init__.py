"""Tuning: datasets become training runs, training runs become adapters."""
