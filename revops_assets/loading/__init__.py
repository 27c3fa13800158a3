"""CRM exports into the source database: mapping files, readers, and the one load transaction."""
