-- What reps do that may explain how they sell, at the end of every day, from the deals they have open: beside each
-- rep's value the team's and that of the top performers, pooled over their deals. Metrics: stakeholders_engaged,
-- engaged contacts per deal; days_to_first_meeting, calendar days from creation to the first meeting or demo held, of
-- deals that had one; champion_identified_rate and economic_buyer_engaged_rate, shares of the deals;
-- activities_per_deal_week, mean of the last :window; average_discount, of deals with a discount given. What the
-- source tells nothing of has no rows.
--
-- Window: 28 days
-- Grain: tenant, day, rep and metric with at least one deal.
-- Key: tenant_id, snapshot_date, rep_id, metric_name
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   rep_id text not null: the rep; -1 for deals of nobody
--   metric_name text not null, one of stakeholders_engaged, days_to_first_meeting, champion_identified_rate,
--       economic_buyer_engaged_rate, activities_per_deal_week, average_discount: what is measured
--   metric_value numeric not null: the rep's value
--   metric_total numeric not null: the sum that it is the mean of
--   deals_count bigint not null, more than 0: deals that it is of
--   team_value numeric: the value of the team's active reps together
--   top_performer_value numeric: the value of the top performers together
--   top_performer_deals_count bigint not null: deals that this is of
with first_meetings as (
    select
        tenant_id,
        opportunity_id,
        min(day) as first_meeting_on
    from staging.activities
    where kind in ('meeting', 'demo') and is_two_way and opportunity_id is not null
    group by tenant_id, opportunity_id
),

activity_steps as (
    select
        a.tenant_id,
        a.opportunity_id,
        s.day,
        sum(s.change) as change
    from staging.activities as a
    cross join lateral (values (a.day, 1), (a.day + :window_days, -1)) as s (day, change)
    where a.opportunity_id is not null and a.day > cast(:window_start as date) - :window_days and a.day < :window_end
    group by a.tenant_id, a.opportunity_id, s.day
),

activity_spans as (
    select
        tenant_id,
        opportunity_id,
        day as d_from,
        lead(day, 1, 'infinity') over deal_by_day as d_to,
        sum(change) over deal_by_day as activities_count
    from activity_steps
    window deal_by_day as (partition by tenant_id, opportunity_id order by day)
),

activity_days as (
    select
        s.tenant_id,
        s.opportunity_id,
        cast(:window_start as date) + n.days as snapshot_date,
        s.activities_count
    from activity_spans as s
    cross join
        lateral generate_series(
            greatest(s.d_from, :window_start) - cast(:window_start as date),
            least(s.d_to, :window_end) - cast(:window_start as date) - 1
        ) as n (days)
    where s.activities_count > 0
),

deals as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.owner_id as rep_id,
        d.discount_pct,
        d.engaged_contacts_count,
        d.has_champion,
        d.has_engaged_economic_buyer,
        case
            when m.first_meeting_on <= d.snapshot_date
                then greatest(m.first_meeting_on - (d.snapshot_date - d.days_open), 0)
        end as days_to_first_meeting,
        coalesce(a.activities_count, 0) as activities_count,
        r.has_activity,
        r.has_stakeholder,
        r.has_roles
    from staging.deal_days as d
    inner join enriched.health_rules as r on d.tenant_id = r.tenant_id and d.snapshot_date = r.snapshot_date
    left join first_meetings as m on d.tenant_id = m.tenant_id and d.opportunity_id = m.opportunity_id
    left join activity_days as a
        on d.tenant_id = a.tenant_id and d.opportunity_id = a.opportunity_id and d.snapshot_date = a.snapshot_date
    where d.snapshot_date >= :window_start and d.snapshot_date < :window_end
),

-- Sums and counts, so that those of several reps add up.
per_rep as (
    select
        d.tenant_id,
        d.snapshot_date,
        d.rep_id,
        m.metric_name,
        sum(m.value) as total,
        count(m.value) as deals_count
    from deals as d
    cross join
        lateral (
            values
            ('stakeholders_engaged', case when d.has_stakeholder then d.engaged_contacts_count::numeric end),
            ('days_to_first_meeting', d.days_to_first_meeting),
            ('champion_identified_rate', case when d.has_roles then d.has_champion::int end),
            ('economic_buyer_engaged_rate', case when d.has_roles then d.has_engaged_economic_buyer::int end),
            ('activities_per_deal_week', case when d.has_activity then d.activities_count * 7.0 / :window_days end),
            ('average_discount', d.discount_pct / 100)
        ) as m (metric_name, value)
    group by d.tenant_id, d.snapshot_date, d.rep_id, m.metric_name
    having count(m.value) > 0
),

placed as (
    select
        d.*,
        p.team_id,
        p.is_active,
        p.is_top_performer
    from per_rep as d
    inner join analytics.rep_performance as p
        on d.tenant_id = p.tenant_id and d.snapshot_date = p.snapshot_date and d.rep_id = p.rep_id
),

pooled as (
    select
        *,
        sum(total) filter (where is_active) over team as team_total,
        sum(deals_count) filter (where is_active) over team as team_deals_count,
        sum(total) filter (where is_top_performer) over company as top_total,
        sum(deals_count) filter (where is_top_performer) over company as top_deals_count
    from placed
    window
        team as (partition by tenant_id, snapshot_date, metric_name, team_id),
        company as (partition by tenant_id, snapshot_date, metric_name)
)

select
    tenant_id,
    snapshot_date,
    rep_id,
    metric_name,
    round(total / deals_count, 4) as metric_value,
    total as metric_total,
    deals_count,
    round(team_total / team_deals_count, 4) as team_value,
    round(top_total / top_deals_count, 4) as top_performer_value,
    coalesce(top_deals_count, 0) as top_performer_deals_count
from pooled
