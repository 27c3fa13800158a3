-- A rep beside top performers and team.
select
    d.*,
    dashboard.metric(d.rep_value, d.format_type) as rep_shown,
    dashboard.metric(d.top_performer_value, d.format_type) as top_shown,
    dashboard.metric(d.team_avg_value, d.format_type) as team_shown
from dashboard.rep_driver_comparison as d
where d.tenant_id = :tenant and d.snapshot_date = :day and d.rep_id = :rep
order by d.metric_label
