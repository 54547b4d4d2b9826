"""The steps from one version of the store to the next, for alembic. `bridge/store/migrate.py` takes them."""
