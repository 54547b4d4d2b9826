"""Dify's Service API: `wire.py` knows its JSON, `stream.py` its events, `text.py` what it does to text,
`client.py` sends. Facts are from exchanges recorded from a 1.13.0 server (`tests/contract/`).
"""
