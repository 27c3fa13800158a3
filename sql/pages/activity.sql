-- What a rep did, of a day, a week, a month.
select a.* from dashboard.rep_activity_metrics as a
where a.tenant_id = :tenant and a.snapshot_date = :day and a.rep_id = :rep
order by array_position(array['today', '7d', '30d'], a.period)
