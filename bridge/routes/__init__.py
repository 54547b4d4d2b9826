"""Which inbox is answered by which app, and how: read from kb.toml, and replaced as a whole by a reload."""
