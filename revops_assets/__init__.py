"""revops-assets: CRM loads in, revenue-operations analytics out, one SQL file per dataset."""
