"""Packages and their data; everything else is in pyproject.toml.

``data/`` lies beside the packages in a checkout and inside ``assistant`` (as ``_data``) in a wheel.
Setuptools cannot say both "find packages" and "map this folder" in pyproject.toml, hence this file.
"""

from setuptools import find_namespace_packages, setup

FOLDERS = ["assistant", "assistant.*", "tuning", "tuning.*", "eval", "eval.*"]

setup(
    packages=[*find_namespace_packages(include=FOLDERS, exclude=["*__pycache__*"]), "assistant._data"],
    package_dir={"assistant._data": "data"},
    package_data={
        "": ["*.yaml", "*.jinja", "*.json", "*.jsonl", "*.css", "*.js", "*.html", "*.svg", "*.mako", "*.md", "*.txt"]
    }
    | {"assistant._data": ["**/*"]},
    exclude_package_data={"": ["*.pyc", "**/__pycache__/*"]},
    include_package_data=False,
)
