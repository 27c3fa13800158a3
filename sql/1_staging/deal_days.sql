-- Every open deal as of the end of every day: its state, its owner's team, its account's segment, its engagement.
--
-- Grain: tenant, day and open deal.
-- Key: tenant_id, snapshot_date, opportunity_id
-- Index: (snapshot_date)
-- Preview: d.amount desc nulls last
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   opportunity_id text not null: the deal
--   as_of timestamptz not null: the instant that the day is seen as of
--   opportunity_name text: its name
--   account_id text: its account
--   pipeline_id text not null: its pipeline
--   stage_id text: its stage; null before the first
--   stage_name text: the stage's name on that day
--   stage_order numeric: the stage's place on that day
--   days_in_stage float8: elapsed days since it came into the stage
--   amount numeric(18, 2): what it is worth in the company's currency; null if nobody said, or without a rate
--   currency text: the currency that it was given in; the company's own if nobody said
--   close_date date: when it is to close, as known on that day
--   owner_id text not null: who owned it; -1 if nobody
--   owner_name text not null: the owner's name; Unassigned if nobody
--   team_id text not null: the manager whom the owner reported to; none without one; -1 if nobody owned it
--   team_name text not null: that manager's name
--   segment text: the account's segment; the owner's where nobody said
--   region text: the owner's region
--   forecast_category text not null, one of Commit, Best Case, Pipeline, Omitted: Commit, Best Case, Pipeline or
--       Omitted; Pipeline if nobody said
--   probability numeric: percent, by the source
--   next_step text: what was to be done
--   discount_pct numeric: percent off
--   competitor text: who else was in the deal
--   competitor_status text: named or active; named if only the name is known
--   lead_source text: where the deal came from
--   pushes_count int not null: how many times its close date had been moved out
--   reopenings_count int not null: how many times it had been reopened
--   days_open int not null: calendar days since its creation
--   last_two_way_at timestamptz: last two-way activity
--   days_since_two_way int not null: calendar days since then; since the deal's creation if there was none
--   engaged_contacts_count int not null, at least 0: contacts with a two-way activity on that day or in the 89 days
--       before
--   has_champion boolean not null: whether a contact had the role of champion
--   has_engaged_economic_buyer boolean not null: whether an engaged contact had the role of economic buyer
--   currency_amount numeric(18, 2): what it is worth in the currency that it was given in
with deals as (
    select
        i.*,
        r.day,
        r.as_of
    from staging.deal_intervals as i
    cross join
        lateral generate_series(
            greatest(i.d_from, :window_start) - cast(:window_start as date),
            least(i.d_to, :window_end) - cast(:window_start as date) - 1
        ) as n (days)
    inner join pg_temp.run_days as r
        on i.tenant_id = r.tenant_id and r.day = cast(:window_start as date) + n.days
    where i.d_from < :window_end and i.d_to > :window_start and i.status = 'open'
)

select
    d.tenant_id,
    d.day as snapshot_date,
    d.opportunity_id,
    d.as_of,
    d.opportunity_name,
    d.account_id,
    d.pipeline_id,
    d.stage_id,
    coalesce(s.stage_name, d.stage_id) as stage_name,
    s.stage_order,
    ops.elapsed_days(d.stage_entered_at, d.as_of) as days_in_stage,
    d.amount,
    d.currency,
    d.close_date,
    coalesce(d.owner_id, '-1') as owner_id,
    p.rep_name as owner_name,
    p.team_id,
    p.team_name,
    coalesce(a.segment, p.segment) as segment,
    p.region,
    ops.forecast_category(d.forecast_category) as forecast_category,
    d.probability,
    d.next_step,
    d.discount_pct,
    d.competitor,
    case when d.competitor is not null then coalesce(d.competitor_status, 'named') end as competitor_status,
    d.lead_source,
    d.pushes_count,
    d.reopenings_count,
    d.day - (d.opened_at at time zone (select ops.timezone()))::date as days_open,
    d.last_two_way_at,
    d.day - (coalesce(d.last_two_way_at, d.opened_at) at time zone (select ops.timezone()))::date as days_since_two_way,
    d.engaged_contacts_count,
    d.champions_count > 0 as has_champion,
    d.engaged_economic_buyers_count > 0 as has_engaged_economic_buyer,
    d.currency_amount
from deals as d
left join staging.pipeline_stages as s
    on d.tenant_id = s.tenant_id and d.stage_id = s.stage_id and d.as_of > s.valid_from and d.as_of <= s.valid_to
left join staging.rep_days as p
    on d.tenant_id = p.tenant_id and d.day = p.snapshot_date and coalesce(d.owner_id, '-1') = p.rep_id
left join staging.accounts as a
    on d.tenant_id = a.tenant_id and d.account_id = a.account_id and d.day >= a.d_from and d.day < a.d_to
