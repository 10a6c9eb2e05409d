"""The command ``check``: is a dataset or a training config sound, before hours are spent on it."""
