"""What an operator sees of a bridge, and does with it: health, metrics, traces, replays, dead letters."""
