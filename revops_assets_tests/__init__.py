"""Tests: given these rows, exactly those rows, on a real PostgreSQL."""
