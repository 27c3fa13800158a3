"""Reports that people ask for, beside the daily datasets."""
