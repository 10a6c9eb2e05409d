"""The command ``report``: plots, tables and a page to explore, of stored results."""
