"""Benchmarks with a layout of their own."""
