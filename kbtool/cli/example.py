"""The example project, for whoever has none of their own yet: the knowledge base of an invented company.

It is the root of the repository, and lies in every wheel (pyproject.toml, force-include).
"""

from __future__ import annotations

from pathlib import Path

import typer

from kbtool.cli.options import DEFAULT_CONFIG

FOLDER = Path("kbtool-demo")
PARTS = ("corpora/notion", "corpora/lark", "evals", "kb.toml")


def project(config: Path) -> Path:
    """`config`, or the example's where nobody named one and there is none here. It is written once."""
    if config != DEFAULT_CONFIG or config.exists():
        return config
    target = FOLDER / DEFAULT_CONFIG
    if not target.exists():
        _write(FOLDER)
        typer.echo(f"There is no {config} here: an example project is now in {FOLDER}/.\n")
    return target


def _write(folder: Path) -> None:
    """All parts, kb.toml last: what is interrupted is begun again."""
    import shutil

    source = _source()
    for part in PARTS:
        target = folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source / part, target)


def _source() -> Path:
    """Inside the package where a wheel was installed, else the checkout itself."""
    import kbtool

    package = Path(kbtool.__file__).parent
    bundled = package / "example"
    return bundled if bundled.is_dir() else package.parent
