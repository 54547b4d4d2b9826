"""Setting Chatwoot up for the bridge: what is there, what is missing, and making that (contract §4.5).

    look    what Chatwoot has                       (looking.py)
    plan    the steps from there to what is wanted  (planning.py, pure)
    apply   one call a step                         (applying.py)

Each step is made only where it is missing, so that setting up again changes nothing. Nothing is taken away,
but the bot of an inbox that another one shall have, if that is asked for.
"""
