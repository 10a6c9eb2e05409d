"""A tracker's network as one ONNX file, for ONNX Runtime and for other programs."""
