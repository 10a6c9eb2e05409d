"""Boxes on frames, curves, figures, palettes and pages."""
