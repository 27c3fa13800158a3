"""What is wrong with an installation, a source, or the numbers."""
