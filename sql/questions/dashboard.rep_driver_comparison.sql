-- What do top performers do that a rep does not?
select
    rep_id,
    metric_label,
    rep_value,
    top_performer_value,
    gap_impact,
    win_rate_potential
from dashboard.rep_driver_comparison
where
    tenant_id = 'acme' and gap_impact is not null
    and snapshot_date = (select max(n.snapshot_date) from dashboard.rep_driver_comparison as n)
order by win_rate_potential desc nulls last;

-- Which habit sets the team apart from its best the most?
select
    metric_label,
    avg(team_avg_value) as team,
    avg(top_performer_value) as top_performers
from dashboard.rep_driver_comparison
where
    tenant_id = 'acme'
    and snapshot_date = (select max(n.snapshot_date) from dashboard.rep_driver_comparison as n)
group by metric_label
order by metric_label;
