"""Files and YAML that somebody else wrote: read within bounds."""
