"""Generated companies, written as CRM exports and loaded like anybody's: there is no second path."""
