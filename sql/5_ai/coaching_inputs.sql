-- What can be said about every active rep from the day's dashboards: all figures, and the template text made of them:
-- strengths and improvements by what the rep does beside the team and the top performers (improvements by what they
-- could bring, with enough deals to tell), the three most important deals. The focus is set at a week's end, and stays
-- for the week after it.
--
-- Grain: tenant, day and active rep.
-- Key: tenant_id, snapshot_date, rep_id
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep
--   inputs jsonb not null: every figure that a text about the rep may cite
--   strengths jsonb not null: at most three: title, detail, metric_value, metric_comparison
--   improvements jsonb not null: at most three: title, detail, gap_value, impact_estimate, suggested_action
--   priority_actions jsonb not null: at most three: deal_name, deal_amount, action, reason, deadline
--   overall_assessment text not null: where the rep stands, in words
--   primary_focus_area text not null: what to work on first: the best improvement as of the last week's end, else
--       urgent deals
with metrics as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.rep_id,
        d.metric_name,
        d.metric_label,
        d.gap_impact,
        m.suggested_action,
        d.gap_to_top,
        d.win_rate_potential,
        case d.good_direction
            when 'higher' then d.rep_value - d.team_avg_value else d.team_avg_value - d.rep_value
        end / nullif(abs(d.team_avg_value), 0) as lead_pct,
        dashboard.metric(d.rep_value, d.format_type) as rep_display,
        dashboard.metric(d.team_avg_value, d.format_type) as team_display,
        dashboard.metric(d.top_performer_value, d.format_type) as top_display,
        dashboard.metric(d.gap_to_top, d.format_type) as gap_display
    from dashboard.rep_driver_comparison as d
    inner join reference.rep_metrics as m
        on
            d.tenant_id = m.tenant_id and d.metric_name = m.metric_name
            and d.snapshot_date >= m.valid_from and d.snapshot_date < m.valid_to
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
),

strengths as (
    select
        tenant_id,
        snapshot_date,
        rep_id,
        jsonb_agg(
            jsonb_build_object(
                'title', metric_label, 'detail', dashboard.beside(metric_label, rep_display, 'the team', team_display),
                'metric_value', rep_display, 'metric_comparison',
                concat_ws(' ', 'team', team_display)
            ) order by place
        ) as strengths
    from (
        select
            *,
            row_number() over (
                partition by tenant_id, snapshot_date, rep_id order by lead_pct desc, metric_name asc
            ) as place
        from metrics
        where lead_pct > 0 and rep_display <> team_display
    ) as m
    where place <= 3
    group by tenant_id, snapshot_date, rep_id
),

-- What could bring nothing, by whole points, is not said.
possible as (
    select
        *,
        row_number() over (
            partition by tenant_id, snapshot_date, rep_id order by win_rate_potential desc, metric_name asc
        ) as place
    from metrics
    where gap_to_top > 0 and rep_display <> top_display and win_rate_potential >= 0.005
),

last_week as (
    select distinct on (r.tenant_id, r.day, d.rep_id)
        r.tenant_id,
        r.day as snapshot_date,
        d.rep_id,
        case when p.is_possible then d.metric_label end as focus_label
    from pg_temp.run_days as r
    inner join dashboard.rep_driver_comparison as d
        on
            r.tenant_id = d.tenant_id
            and d.snapshot_date = ops.week_start(r.quarter_start, r.week_of_quarter) - 1
    cross join
        lateral (
            select coalesce(d.gap_to_top > 0 and d.win_rate_potential >= 0.005, false) as is_possible
        ) as p
    order by
        r.tenant_id asc, r.day asc, d.rep_id asc, p.is_possible desc, d.win_rate_potential desc nulls last,
        d.metric_name asc
),

improvements as (
    select
        p.tenant_id,
        p.snapshot_date,
        p.rep_id,
        jsonb_agg(
            jsonb_build_object(
                'title', p.metric_label,
                'detail', dashboard.beside(p.metric_label, p.rep_display, 'top performers', p.top_display),
                'gap_value', p.gap_display, 'impact_estimate', p.gap_impact, 'suggested_action', p.suggested_action
            ) order by p.place
        ) as improvements,
        (array_agg(p.metric_label order by p.place))[1] as first_label
    from possible as p
    where p.place <= 3
    group by p.tenant_id, p.snapshot_date, p.rep_id
),

actions as (
    select
        tenant_id,
        snapshot_date,
        rep_id,
        jsonb_agg(
            jsonb_build_object(
                'deal_name', opportunity_name, 'deal_amount', deal_amount,
                'action', action_type || coalesce(' ' || contact_name, ''), 'reason', action_reason,
                'deadline', dashboard.working_days_after(
                    snapshot_date, case urgency when 'today' then 1 when 'this_week' then 5 else 10 end
                )
            ) order by priority_rank
        ) as priority_actions
    from dashboard.next_best_actions
    where snapshot_date >= :window_start and snapshot_date < :window_end and priority_rank <= 3
    group by tenant_id, snapshot_date, rep_id
),

figures as (
    select
        tenant_id,
        snapshot_date,
        rep_id,
        jsonb_agg(
            jsonb_build_object(
                'metric', metric_label, 'rep', rep_display, 'team', team_display, 'top_performers', top_display,
                'gap', gap_display, 'impact', gap_impact
            ) order by metric_name
        ) as metrics
    from metrics
    group by tenant_id, snapshot_date, rep_id
),

days as (
    select
        tenant_id,
        snapshot_date,
        rep_id,
        jsonb_agg(
            jsonb_build_object(
                'period', period, 'total', total_activities, 'per_day', avg_daily_activities, 'team_per_day',
                team_avg_daily, 'low_days', low_activity_days
            ) order by period
        ) as activities
    from dashboard.rep_activity_metrics
    where snapshot_date >= :window_start and snapshot_date < :window_end
    group by tenant_id, snapshot_date, rep_id
),

stuck as (
    select
        tenant_id,
        snapshot_date,
        owner_id as rep_id,
        count(*) as stuck_count,
        sum(amount) as stuck_amount
    from dashboard.stuck_deals_view
    where snapshot_date >= :window_start and snapshot_date < :window_end
    group by tenant_id, snapshot_date, owner_id
),

-- The team's quarter, its pipeline's health, its slowest stage, its forecast of the weeks before.
teams as (
    select
        k.tenant_id,
        k.snapshot_date,
        k.team_id,
        k.quarter,
        k.ai_forecast,
        k.quarter_target,
        k.risk_level,
        dashboard.percent(h.at_risk_pct + h.critical_pct) as at_risk
    from dashboard.dashboard_kpis as k
    inner join pg_temp.run_days as r
        on k.tenant_id = r.tenant_id and k.snapshot_date = r.day and k.quarter = r.quarter
    left join dashboard.health_distribution as h
        on
            k.tenant_id = h.tenant_id and k.snapshot_date = h.snapshot_date and h.quarter = 'All'
            and k.team_id = h.team_id and h.segment = 'All' and h.region = 'All'
    where k.segment = 'All' and k.region = 'All'
),

slowest as (
    select distinct on (tenant_id, snapshot_date, team_id)
        tenant_id,
        snapshot_date,
        team_id,
        stage_name || ' ' || dashboard.days(round(avg_duration_days)) as slowest_stage
    from dashboard.stage_velocity
    where
        snapshot_date >= :window_start and snapshot_date < :window_end
        and segment = 'All' and region = 'All' and deviation_days > 0
    order by tenant_id asc, snapshot_date asc, team_id asc, deviation_days desc, stage_id asc
),

weeks as (
    select
        h.tenant_id,
        h.snapshot_date,
        h.team_id,
        jsonb_agg(dashboard.currency(h.cumulative_forecast) order by h.week_number) as forecasts
    from dashboard.forecast_history as h
    inner join pg_temp.run_days as r
        on h.tenant_id = r.tenant_id and h.snapshot_date = r.day and h.quarter = r.quarter
    where h.segment = 'All' and h.region = 'All' and h.as_of_date is not null
    group by h.tenant_id, h.snapshot_date, h.team_id
)

select
    r.tenant_id,
    r.snapshot_date,
    r.rep_id,
    jsonb_build_object(
        'rep', r.rep_name, 'attainment', r.ytd_attainment_display, 'rank', r.rank_display, 'tier', r.performance_tier,
        'win_rate', dashboard.percent(r.win_rate), 'win_rate_vs_team', r.win_rate_vs_team_display,
        'avg_deal_size', dashboard.currency(r.avg_deal_size), 'avg_sales_cycle_days', round(r.avg_sales_cycle_days),
        'won_count', r.won_count, 'lost_count', r.lost_count, 'stuck_deals', coalesce(k.stuck_count, 0),
        'stuck_amount', dashboard.currency(k.stuck_amount), 'metrics', coalesce(f.metrics, '[]'),
        'activities', coalesce(d.activities, '[]'), 'actions', coalesce(a.priority_actions, '[]'),
        'team', jsonb_build_object(
            'quarter', t.quarter, 'forecast', dashboard.currency(t.ai_forecast), 'target',
            dashboard.currency(t.quarter_target), 'risk', t.risk_level,
            'at_risk_pipeline', t.at_risk, 'slowest_stage', w.slowest_stage, 'forecasts_by_week', e.forecasts
        )
    ) as inputs,
    coalesce(s.strengths, '[]') as strengths,
    coalesce(i.improvements, '[]') as improvements,
    coalesce(a.priority_actions, '[]') as priority_actions,
    dashboard.assessment(
        r.rep_name, r.ytd_attainment, r.overall_rank, r.total_reps, r.performance_tier, r.win_rate, r.win_rate_vs_team,
        k.stuck_count, k.stuck_amount, t.quarter, t.ai_forecast, t.quarter_target, t.risk_level
    ) as overall_assessment,
    coalesce(
        case when l.rep_id is not null then l.focus_label else i.first_label end,
        case when a.rep_id is not null then 'The most urgent deals' end, 'No open deals that need anything'
    ) as primary_focus_area
from dashboard.rep_performance_view as r
left join strengths as s on r.tenant_id = s.tenant_id and r.snapshot_date = s.snapshot_date and r.rep_id = s.rep_id
left join improvements as i on r.tenant_id = i.tenant_id and r.snapshot_date = i.snapshot_date and r.rep_id = i.rep_id
left join last_week as l on r.tenant_id = l.tenant_id and r.snapshot_date = l.snapshot_date and r.rep_id = l.rep_id
left join actions as a on r.tenant_id = a.tenant_id and r.snapshot_date = a.snapshot_date and r.rep_id = a.rep_id
left join figures as f on r.tenant_id = f.tenant_id and r.snapshot_date = f.snapshot_date and r.rep_id = f.rep_id
left join days as d on r.tenant_id = d.tenant_id and r.snapshot_date = d.snapshot_date and r.rep_id = d.rep_id
left join stuck as k on r.tenant_id = k.tenant_id and r.snapshot_date = k.snapshot_date and r.rep_id = k.rep_id
left join teams as t on r.tenant_id = t.tenant_id and r.snapshot_date = t.snapshot_date and r.team_id = t.team_id
left join slowest as w on r.tenant_id = w.tenant_id and r.snapshot_date = w.snapshot_date and r.team_id = w.team_id
left join weeks as e on r.tenant_id = e.tenant_id and r.snapshot_date = e.snapshot_date and r.team_id = e.team_id
where r.snapshot_date >= :window_start and r.snapshot_date < :window_end
