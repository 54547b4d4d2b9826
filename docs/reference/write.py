"""Write the two pages of the reference from the code.

    make reference          (python -m docs.reference.write)

cli.md comes from the commands' own help, configuration.md from the tables that read kb.toml. Nothing in the
two files is edited by hand; tests/test_reference.py fails when they are not what this gives.
"""

from __future__ import annotations

from pathlib import Path

from docs.reference import command_line, configuration

HERE = Path(__file__).parent


def pages() -> dict[str, str]:
    """File name → text."""
    return {"cli.md": command_line.page(), "configuration.md": configuration.page()}


def main() -> None:
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
