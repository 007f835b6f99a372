"""What is independent of the method: files, text, devices, memory, signals."""
