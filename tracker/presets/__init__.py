"""The trackers that can be loaded by name: a new file in this folder is all that a new one needs."""
