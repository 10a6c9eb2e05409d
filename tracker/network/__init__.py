"""The network that training sees: backbone, filter layer, box head, and its checkpoints."""
