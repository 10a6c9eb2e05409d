"""The command ``train``: settings, data, the loop, and what it leaves behind."""
