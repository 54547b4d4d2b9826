"""`python -m kbtool` is `kbtool`."""

from kbtool.cli import main

main()
