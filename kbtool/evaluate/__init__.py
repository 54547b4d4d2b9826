"""Golden questions: asked, scored, compared with a pinned baseline, judged, shown."""
