"""The command ``track``: one target through a video."""
