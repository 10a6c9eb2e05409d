"""Formats of annotations, to write and to read: those of benchmarks, labelling tools and tables."""

from data.formats.base import FORMATS, Format, list_formats, read_tracks, render_tracks, write_tracks

__all__ = ["FORMATS", "Format", "list_formats", "read_tracks", "render_tracks", "write_tracks"]
