-- How a deal stood when it was closed: for its readers' windows after it, as long as it stays closed.
select
    c.tenant_id,
    c.side,
    r.dataset,
    r.content,
    ops.valid_days(greatest(c.d_from, c.closed_on), least(c.d_to, c.closed_on + r.window_days)) as days
from pg_temp.changed_rows as c
cross join
    lateral (
        values
        (
            'analytics.process_variants', :process_variants_days,
            row(c.opportunity_id, c.closed_at, c.is_won, c.cycle_us)::text
        ),
        (
            'dashboard.rep_driver_comparison', :rep_driver_comparison_days,
            row(
                c.opportunity_id, c.closed_at, c.rep_id, c.is_won, c.stage_reached, c.stakeholders_engaged,
                c.days_to_first_meeting, c.champion_identified_rate, c.economic_buyer_engaged_rate,
                c.activities_per_deal_week
            )::text
        )
    ) as r (dataset, window_days, content)
