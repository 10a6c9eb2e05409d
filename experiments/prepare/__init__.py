"""The command ``prepare``: a training set, cropped once into shards."""
