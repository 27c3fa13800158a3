-- What a unit of each company's own currency is worth in others, day by day. sql/reference/exchange_rates.csv goes
-- before the CRM's dated rates, these before its undated ones. The company's own currency is the one that the file,
-- else the CRM says it is; else the only one with a rate of 1; else the one that most of its deals have.
--
-- Grain: tenant, currency and span of days.
-- Key: tenant_id, currency, valid_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   currency text not null: the currency; empty: the company's own where no deal names any
--   valid_from date not null: first day of the span
--   valid_to date not null: day after its last
--   rate numeric not null, more than 0: units of the currency for one of the company's own
--   is_home boolean not null: whether it is the company's own
-- Rules:
--   valid_to does not come after valid_from unless valid_from < valid_to
with known as (
    select
        tenant_id,
        upper(currency) as currency,
        rate,
        start_date,
        end_date,
        is_home
    from crm_remote.exchange_rates_versions
    where
        known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of()) and not is_deleted
        and currency is not null
),

choices as (
    select
        tenant_id,
        upper(currency) as currency,
        valid_from,
        valid_to,
        rate,
        1 as choice
    from reference.exchange_rates
    where rate is not null
    union all
    select
        tenant_id,
        currency,
        start_date as valid_from,
        least(end_date, lead(start_date, 1, 'infinity') over (
            partition by tenant_id, currency order by start_date
        )) as valid_to,
        rate,
        2 as choice
    from known
    where start_date is not null and rate is not null
    union all
    select
        tenant_id,
        currency,
        '-infinity' as valid_from,
        'infinity' as valid_to,
        max(rate) as rate,
        3 as choice
    from known
    where start_date is null and rate is not null
    group by tenant_id, currency
),

used as (
    select
        tenant_id,
        upper(currency) as currency,
        count(*) as deals_count
    from crm_remote.opportunities_versions
    where known_from <= (select ops.known_as_of()) and known_to > (select ops.known_as_of())
    group by tenant_id, upper(currency)
),

homes as (
    select distinct on (tenant_id)
        tenant_id,
        currency
    from (
        select
            tenant_id,
            upper(currency) as currency,
            1 as choice,
            0 as deals_count
        from reference.exchange_rates
        where is_home
        union all
        select
            tenant_id,
            currency,
            2 as choice,
            0 as deals_count
        from known
        where is_home
        union all
        select
            tenant_id,
            min(currency) as currency,
            3 as choice,
            0 as deals_count
        from choices
        where rate = 1
        group by tenant_id
        having min(currency) = max(currency)
        union all
        select
            tenant_id,
            coalesce(currency, '') as currency,
            case when currency is null then 5 else 4 end as choice,
            deals_count
        from used
    ) as said
    order by tenant_id asc, choice asc, deals_count desc, currency asc
),

bounds as (
    select
        tenant_id,
        currency,
        valid_from as day
    from choices
    union
    select
        tenant_id,
        currency,
        valid_to as day
    from choices
),

spans as (
    select
        tenant_id,
        currency,
        day as valid_from,
        lead(day) over (partition by tenant_id, currency order by day) as valid_to
    from bounds
)

select
    tenant_id,
    currency,
    '-infinity'::date as valid_from,
    'infinity'::date as valid_to,
    1::numeric as rate,
    true as is_home
from homes
union all
select
    s.tenant_id,
    s.currency,
    s.valid_from,
    s.valid_to,
    c.rate,
    false as is_home
from spans as s
inner join homes as h on s.tenant_id = h.tenant_id and s.currency <> h.currency
cross join
    lateral (
        select o.rate
        from choices as o
        where
            o.tenant_id = s.tenant_id and o.currency = s.currency and o.valid_from <= s.valid_from
            and o.valid_to >= s.valid_to
        order by o.choice
        limit 1
    ) as c
where s.valid_to is not null
