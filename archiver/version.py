"""The one place that holds the version; the build and ``archiver --version`` read it."""

NAME = "cloudtrail-evidence-archiver"
"""The program's name, where reports and packages tell what made them."""

__version__ = "0.1.0"
