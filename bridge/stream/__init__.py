"""Events for other programs, found in what the bridge has written down anyway, and sent in order.

    rows     what has happened since the last look, as events
    sender   to the receiver, until it has them

Nothing of it is on a message's way: a receiver that is down costs no customer a millisecond (docs/events.md).
"""
