-- From leads over deals to what was won, by lead source: what became of the leads created in a quarter, on the last day
-- of every month, of the quarters that began in the :window before it. Sources are those of the day. A deal that
-- several leads became is that of the first one converted. Deals that no lead became count beside them, in the quarter
-- of their own creation, by their own source. Leads and deals that are gone on the day do not count. Other days have no
-- rows.
--
-- Window: 365 days
-- Grain: tenant, last day of a month, quarter of creation and lead source; All of them.
-- Key: tenant_id, snapshot_date, quarter_start, lead_source
-- Preview: d.quarter_start, d.leads_count desc
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the month
--   quarter_start date not null: first day of the quarter
--   quarter text not null: the quarter
--   lead_source text not null: All, a lead source, or none
--   leads_count bigint not null, at least 0: leads created in the quarter
--   converted_count bigint not null, at least 0: those of them that were converted into a deal by the day
--   deals_count bigint not null, at least 0: the deals
--   won_count bigint not null, at least 0: those of the deals that are won
--   lost_count bigint not null, at least 0: those that are lost
--   won_without_amount_count bigint not null, at least 0: those that are won without an amount
--   won_amount numeric(16, 2): what the others were worth; null if nobody said of any
--   converted_pct numeric(5, 4), 0 to 1: converted_count / leads_count
--   won_pct numeric(5, 4), 0 to 1: won_count / leads_count
--   win_rate numeric(5, 4), 0 to 1: won / (won + lost)
--   median_days_to_deal numeric(9, 2): median of the days from a lead's creation to its conversion
--   median_days_to_won numeric(9, 2): median of the days from a won deal's creation to its closing
--   direct_deals_count bigint not null, at least 0: deals created in the quarter that no lead became
--   direct_won_count bigint not null, at least 0: those of them that are won
--   direct_won_amount numeric(16, 2): what these were worth; null if nobody said of any
-- Rules:
--   converted_count is more than leads unless converted_count <= leads_count
--   deals_count is more than leads that were converted unless deals_count <= converted_count
--   won_count is more than deals unless won_count + lost_count <= deals_count
with ends as (
    select
        tenant_id,
        day
    from pg_temp.run_days
    where ops.ends_month(day)
),

-- Every lead of the day, as who else was converted into its deal matters, however old.
leads as (
    select
        e.tenant_id,
        e.day,
        q.quarter_start,
        q.quarter,
        coalesce(l.lead_source, 'none') as lead_source,
        l.created_at,
        case when e.day >= l.converted_on then l.converted_at end as converted_at,
        i.opened_at,
        i.closed_at,
        i.status,
        i.amount,
        row_number() over (
            partition by e.tenant_id, e.day, i.opportunity_id order by l.converted_at, l.lead_id
        ) as place
    from ends as e
    inner join staging.leads as l on e.tenant_id = l.tenant_id and e.day >= l.d_from and e.day < l.d_to
    inner join ops.calendar as q on l.created_on = q.day
    left join staging.deal_intervals as i
        on
            l.tenant_id = i.tenant_id and l.opportunity_id = i.opportunity_id and e.day >= l.converted_on
            and e.day >= i.d_from and e.day < i.d_to
),

facts as (
    select
        tenant_id,
        day,
        quarter_start,
        quarter,
        lead_source,
        true as is_lead,
        created_at,
        converted_at,
        opened_at,
        closed_at,
        case when place = 1 then status end as status,
        amount
    from leads
    where quarter_start >= day - :window_days
    union all
    select
        e.tenant_id,
        e.day,
        q.quarter_start,
        q.quarter,
        coalesce(ops.group_key(i.lead_source), 'none') as lead_source,
        false as is_lead,
        null as created_at,
        null as converted_at,
        i.opened_at,
        i.closed_at,
        i.status,
        i.amount
    from ends as e
    inner join staging.deal_intervals as i on e.tenant_id = i.tenant_id and e.day >= i.d_from and e.day < i.d_to
    inner join ops.calendar as q on (i.opened_at at time zone (select ops.timezone()))::date = q.day
    where
        q.quarter_start >= e.day - :window_days
        and not exists (
            select from staging.leads as l
            where
                l.tenant_id = i.tenant_id and l.opportunity_id = i.opportunity_id and e.day >= l.converted_on
                and e.day >= l.d_from and e.day < l.d_to
        )
),

counted as (
    select
        tenant_id,
        day,
        quarter_start,
        max(quarter) as quarter,
        ops.or_all(grouping(lead_source), lead_source) as lead_source,
        count(*) filter (where is_lead) as leads_count,
        count(converted_at) as converted_count,
        count(status) filter (where is_lead) as deals_count,
        count(*) filter (where is_lead and status = 'won') as won_count,
        count(*) filter (where is_lead and status = 'lost') as lost_count,
        count(*) filter (where is_lead and status = 'won' and amount is null) as won_without_amount_count,
        sum(amount) filter (where is_lead and status = 'won') as won_amount,
        percentile_cont(0.5) within group (
            order by extract(epoch from converted_at - created_at)::float8 / 86400
        ) as median_days_to_deal,
        percentile_cont(0.5) within group (
            order by extract(epoch from closed_at - opened_at)::float8 / 86400
        ) filter (where is_lead and status = 'won') as median_days_to_won,
        count(*) filter (where not is_lead) as direct_deals_count,
        count(*) filter (where not is_lead and status = 'won') as direct_won_count,
        sum(amount) filter (where not is_lead and status = 'won') as direct_won_amount
    from facts
    group by tenant_id, day, quarter_start, grouping sets ((lead_source), ())
)

select
    tenant_id,
    day as snapshot_date,
    quarter_start,
    quarter,
    lead_source,
    leads_count,
    converted_count,
    deals_count,
    won_count,
    lost_count,
    won_without_amount_count,
    won_amount,
    ops.share(converted_count::numeric / nullif(leads_count, 0)) as converted_pct,
    ops.share(won_count::numeric / nullif(leads_count, 0)) as won_pct,
    ops.share(won_count::numeric / nullif(won_count + lost_count, 0)) as win_rate,
    round(median_days_to_deal::numeric, 2) as median_days_to_deal,
    round(median_days_to_won::numeric, 2) as median_days_to_won,
    direct_deals_count,
    direct_won_count,
    direct_won_amount
from counted
