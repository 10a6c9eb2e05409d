"""The command ``compare``: several losses under one budget."""
