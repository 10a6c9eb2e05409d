"""The command ``benchmark``: trackers on a dataset, in processes that may hang or crash."""
