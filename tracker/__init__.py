"""The tracker: features, regression filter, response, localisation, on-line update."""
