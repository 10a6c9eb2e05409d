"""The network for training: backbone, filter layer, box head, and its checkpoints."""
