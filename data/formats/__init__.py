"""Annotations out and in: the formats of benchmarks, labelling tools and tables, one file a format."""

from data.formats.base import FORMATS, Format, list_formats, read_tracks, render_tracks, write_tracks

__all__ = ["FORMATS", "Format", "list_formats", "read_tracks", "render_tracks", "write_tracks"]
