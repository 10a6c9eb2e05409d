"""The command ``demo``: train, track and show, in about a minute."""
