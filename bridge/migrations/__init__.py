"""The steps from one version of the store to the next, for alembic. `bridge/migrate.py` takes them."""
