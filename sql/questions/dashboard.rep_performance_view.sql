-- Who attains their quota, and who wins how much of what they close?
select
    rep_name,
    manager_name,
    ytd_attainment,
    win_rate,
    rank_display,
    performance_tier
from dashboard.rep_performance_view
where
    tenant_id = 'acme'
    and snapshot_date = (select max(n.snapshot_date) from dashboard.rep_performance_view as n)
order by overall_rank;

-- Who has changed ranks since the last quarter?
select
    rep_name,
    overall_rank,
    rank_change_qoq,
    attainment_change_qoq
from dashboard.rep_performance_view
where
    tenant_id = 'acme' and rank_change_qoq <> 0
    and snapshot_date = (select max(n.snapshot_date) from dashboard.rep_performance_view as n)
order by abs(rank_change_qoq) desc;
