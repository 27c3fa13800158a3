-- The day of the newest load is seen as of that load: it still runs.
alter table semantic.bindings add column as_of timestamptz;
comment on column semantic.bindings.as_of is 'The instant that the day is seen as of, where it still ran; null: its end.';
