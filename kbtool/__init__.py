"""Support knowledge bases run like code: export, clean, chunk, plan, apply, measure, tune."""

__version__ = "0.1.0"
