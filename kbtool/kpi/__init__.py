"""Key figures of support with an AI in it, as the field defines them. Pure, over plain rows.

rows.py         what a bridge's store tells: messages, decisions, ratings, closings, drafts, costs
matters.py      rows → matters: one customer's one concern, from the first word to its end
figures.py      matters → figures, each with what it is of; a figure over nothing is None
definitions.py  each figure's name, formula and source, as pages show them; and how it stands to its target
alarm.py        has satisfaction dropped, by more than chance?

docs/kpis.md has the definitions with their reasons.
"""
