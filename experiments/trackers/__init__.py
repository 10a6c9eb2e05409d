"""Which trackers run, by name, and the loop that drives them."""
