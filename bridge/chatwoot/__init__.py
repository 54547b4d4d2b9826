"""Chatwoot's API, both ways: `wire` builds requests and parses answers, `client` sends."""
