"""Dify's Service API: `wire/` knows its JSON, `stream.py` its events, `text.py` what it does to text,
`connection.py` sends and waits. `client.py` is all of it for users: `knowledge.py` with the dataset key,
`apps.py` with the app key. Facts are from exchanges recorded from a 1.13.0 server (`tests/contract/`).
"""
