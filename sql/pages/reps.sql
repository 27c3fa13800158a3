-- Active reps, the best first.
select
    p.*,
    dashboard.currency(p.avg_deal_size) as avg_deal_size_shown,
    dashboard.percent(p.win_rate) as win_rate_shown,
    dashboard.percent(p.team_avg_win_rate) as team_win_rate_shown,
    dashboard.currency(p.team_avg_deal_size) as team_deal_size_shown,
    dashboard.currency(p.won_amount_to_date) as won_shown,
    dashboard.currency(p.quota_to_date) as quota_shown,
    dashboard.percent(p.quarter_attainment) as quarter_shown
from dashboard.rep_performance_view as p
where p.tenant_id = :tenant and p.snapshot_date = :day
order by p.overall_rank nulls last, p.rep_name, p.rep_id
