"""The command ``serve``: a local web page to track in, watch, correct and take results from."""
