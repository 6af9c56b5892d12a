"""Evaluation: metrics, statistics, the verdict, reports. Sibling of ``tuning``; they never import each other."""
