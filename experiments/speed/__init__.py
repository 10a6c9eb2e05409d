"""What a machine can do: steps of training, frames of tracking and losses a second, as JSON and Markdown."""
