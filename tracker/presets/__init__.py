"""The trackers that can be loaded by name. A new tracker is a new file in this folder."""
