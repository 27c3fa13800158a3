"""What programs read over HTTP, and who may."""
