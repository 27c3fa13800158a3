-- What each rep's period was called to bring, in spans of business days over which nobody said otherwise: the last call
-- of each kind, forecast category and period. What was said and taken over within a day leaves no row. A call for
-- somebody whom others report to is one for the team. Money is in the company's own currency, at the rate of the day on
-- which it was said.
--
-- Grain: tenant, rep, kind, forecast category, period and span of days.
-- Key: tenant_id, rep_id, kind, category, period_start, d_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   rep_id text not null: whose number it is
--   kind text not null, one of call, override: the rep's own call, or somebody else's override of it
--   category text not null: the forecast category that is called; Commit if nobody said
--   period_start date not null: first day of the period
--   d_from date not null: first business day at whose end it stood
--   d_to date not null: first day after it at whose end it did not; infinity while it does
--   submitted_by text: who said it; null for an override of nobody
--   submitted_at timestamptz not null: when
--   amount numeric(18, 2): what was called, in the company's currency; null if it was taken back, or without a rate
--   currency_amount numeric(18, 2): the same in the currency that it was given in; null if it was taken back
--   includes_won boolean not null: whether it includes what was won already
-- Rules:
--   d_to does not come after d_from unless d_from < d_to
with told as (
    select
        tenant_id,
        rep_id,
        coalesce(kind, case when submitted_by <> rep_id then 'override' else 'call' end) as kind,
        coalesce(ops.group_key(nullif(btrim(category), '')), 'Commit') as category,
        period_start,
        coalesce(submitted_by, case when kind = 'override' then null else rep_id end) as submitted_by,
        submitted_at,
        (submitted_at at time zone (select ops.timezone()))::date as d_from,
        currency,
        amount as currency_amount,
        coalesce(includes_won, true) as includes_won,
        known_from,
        line_no,
        call_id
    from history.forecast_calls
    where rep_id is not null and period_start is not null and submitted_at is not null
),

spans as (
    select
        *,
        lead(d_from, 1, 'infinity') over (
            partition by tenant_id, rep_id, kind, category, period_start
            order by submitted_at, known_from, line_no, call_id
        ) as d_to
    from told
)

select
    s.tenant_id,
    s.rep_id,
    s.kind,
    s.category,
    s.period_start,
    s.d_from,
    s.d_to,
    s.submitted_by,
    s.submitted_at,
    (s.currency_amount / coalesce(r.rate, case when s.currency is null then 1 end))::numeric(18, 2) as amount,
    s.currency_amount::numeric(18, 2) as currency_amount,
    s.includes_won
from spans as s
left join staging.exchange_rates as h on s.tenant_id = h.tenant_id and h.is_home
left join staging.exchange_rates as r
    on
        s.tenant_id = r.tenant_id and upper(coalesce(s.currency, h.currency)) = r.currency
        and s.d_from >= r.valid_from and s.d_from < r.valid_to
where s.d_from < s.d_to
