-- How a deal stood when it was closed: for its readers' windows after it, as long as it stays closed; that it was
-- closed matters to scores of the fifteen months before, whatever became of it.
select
    c.tenant_id,
    c.side,
    r.dataset,
    r.content,
    ops.valid_days(greatest(c.d_from, c.closed_on), r.until_day) as days
from pg_temp.changed_rows as c
cross join
    lateral (
        values
        (
            'analytics.process_variants', least(c.d_to, c.closed_on + :process_variants_days),
            row(c.opportunity_id, c.closed_at, c.is_won, c.cycle_us)::text
        ),
        (
            'analytics.score_calibration', (c.closed_on + interval '16 months')::date,
            row(c.opportunity_id, c.closed_on, c.is_won)::text
        ),
        (
            'analytics.learned_health_weights', (c.closed_on + :learned_health_weights_days)::date,
            row(c.opportunity_id, c.closed_on, c.is_won)::text
        ),
        (
            'ai.insight_outcomes', least(c.d_to, c.closed_on + 28),
            row(c.opportunity_id, c.closed_on, c.rep_id, c.is_won)::text
        ),
        (
            'dashboard.rep_driver_comparison', least(c.d_to, c.closed_on + :rep_driver_comparison_days),
            row(
                c.opportunity_id, c.closed_at, c.rep_id, c.is_won, c.stage_reached, c.stakeholders_engaged,
                c.days_to_first_meeting, c.champion_identified_rate, c.economic_buyer_engaged_rate,
                c.activities_per_deal_week
            )::text
        )
    ) as r (dataset, until_day, content)
