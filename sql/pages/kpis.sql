-- Key figures of a group, and as people read them.
select
    k.*,
    dashboard.currency(k.quarter_target) as quarter_target_shown,
    dashboard.currency(k.ai_forecast) as ai_forecast_shown,
    dashboard.currency(k.commit_amount) as commit_amount_shown,
    dashboard.currency(k.closed_won_amount) as closed_won_amount_shown,
    dashboard.currency(k.gap_to_target) as gap_to_target_shown,
    dashboard.currency(k.open_pipeline_amount) as open_pipeline_amount_shown,
    dashboard.currency(k.forecast_change_1w) as forecast_change_1w_shown,
    dashboard.currency(k.commit_change_1w) as commit_change_1w_shown,
    dashboard.percent(k.ai_forecast_confidence) as confidence_shown,
    dashboard.percent(k.commit_confidence) as commit_confidence_shown,
    dashboard.percent(k.closed_won_amount / nullif(k.quarter_target, 0)) as attainment_shown,
    round(100 * k.closed_won_amount / nullif(k.quarter_target, 0)) as won_pct,
    round(100 * k.ai_forecast / nullif(k.quarter_target, 0)) as forecast_pct,
    round(100 * k.commit_amount / nullif(k.quarter_target, 0)) as commit_pct
from dashboard.dashboard_kpis as k
where
    k.tenant_id = :tenant
    and k.snapshot_date = :day
    and k.team_id = :team
    and k.segment = :segment
    and k.region = :region
    and k.quarter = :quarter
