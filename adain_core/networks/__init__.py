"""The encoder and the decoder: their configuration, layers, and optimized form."""
