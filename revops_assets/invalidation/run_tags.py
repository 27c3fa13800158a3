"""Tags of runs: what a run reads, for whom, which days it writes besides, and why it is."""

KNOWN_AS_OF_TAG = "revops/known_as_of"


ENV_TAG = "revops/env"


TENANTS_TAG = "revops/tenants"


# Days outside the run's range that are written, too, by the datasets that they are asked of.
ALSO_TAG = "revops/also"


# Why a run is that nobody asked for in person.
REASON_TAG = "revops/reason"


# Of Dagster: runs of higher priority leave the queue first.
PRIORITY_TAG = "dagster/priority"
