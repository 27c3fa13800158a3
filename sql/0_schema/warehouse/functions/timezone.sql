-- The business time zone, that of the calendar. Call it as (select ops.timezone()): evaluated once.
create or replace function ops.timezone() returns text language sql stable as 'select timezone from ops.calendar_settings';
