"""The speed of a machine: training steps, tracked frames and losses a second, as JSON and Markdown."""
