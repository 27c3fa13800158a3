-- The tenant and the day that this session may read, as the registry bound it; no row, and so no record, without a binding.
create or replace view semantic.session as
select b.tenant_id, b.day, coalesce(b.as_of, c.ends_at) as as_of, z.timezone
from semantic.bindings as b
inner join pg_stat_get_activity(pg_backend_pid()) as a on b.backend_start = a.backend_start
inner join ops.calendar as c on b.day = c.day
cross join ops.calendar_settings as z
where b.pid = pg_backend_pid();
