"""When what runs: jobs, schedules, sensors, runs, alerts, housekeeping, the supervisor of `make up`."""
