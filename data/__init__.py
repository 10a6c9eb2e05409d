"""Boxes, crops, labels, sequences and video: everything a tracker reads and writes."""
