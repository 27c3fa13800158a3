-- What loads have said of each day that business metrics read (semantic_input): a metric is stale from the first day on
-- that reads otherwise, and a restated value names the load. Of deals only the load: what they were stands in staging.
--
-- Grain: tenant, input and day on which records of it begin, end, happen or take effect (an order's completion).
-- Key: tenant_id, input_name, day
-- Columns:
--   tenant_id text not null: company the row belongs to
--   input_name text not null: the canonical table, as in orders
--   day date not null: the business day; -infinity for what always held
--   records_count bigint not null, more than 0: how often that is
--   content_hash numeric not null: what they say; equal where they say the same
--   newest_load bigint not null: number of the load that brought the newest of them
with uses as (
    select
        tenant_id,
        'accounts' as input_name,
        account_id as record_id,
        min(at) as since
    from (
        select
            tenant_id,
            account_id,
            ordered_at as at
        from history.orders
        union all
        select
            tenant_id,
            account_id,
            started_at as at
        from history.subscriptions
    ) as q
    group by tenant_id, account_id
    union all
    select
        tenant_id,
        'products' as input_name,
        product_id as record_id,
        min(started_at) as since
    from history.subscriptions
    group by tenant_id, product_id
),

said as (
    select
        tenant_id,
        'orders' as input_name,
        greatest(holds_from, ordered_at) as at,
        completed_at as acts_at,
        valid_to,
        row(order_id, account_id, product_id, channel, status, amount, ordered_at, completed_at, is_deleted)::text
            as content,
        known_from
    from history.orders
    union all
    select
        tenant_id,
        'subscriptions' as input_name,
        greatest(holds_from, started_at) as at,
        ended_at as acts_at,
        valid_to,
        row(subscription_id, account_id, product_id, mrr_amount, started_at, ended_at, is_deleted)::text as content,
        known_from
    from history.subscriptions
    union all
    select
        tenant_id,
        'tickets' as input_name,
        greatest(holds_from, created_at) as at,
        resolved_at as acts_at,
        valid_to,
        row(ticket_id, account_id, priority, created_at, resolved_at, is_deleted)::text as content,
        known_from
    from history.tickets
    union all
    select
        v.tenant_id,
        'accounts' as input_name,
        greatest(v.holds_from, u.since) as at,
        null::timestamptz as acts_at,
        v.valid_to,
        row(v.account_id, v.segment, v.region)::text as content,
        v.known_from
    from history.accounts as v
    inner join uses as u
        on v.tenant_id = u.tenant_id and u.input_name = 'accounts' and v.account_id = u.record_id
    union all
    select
        v.tenant_id,
        'products' as input_name,
        greatest(v.holds_from, u.since) as at,
        null::timestamptz as acts_at,
        v.valid_to,
        row(v.product_id, v.name)::text as content,
        v.known_from
    from history.products as v
    inner join uses as u
        on v.tenant_id = u.tenant_id and u.input_name = 'products' and v.product_id = u.record_id
    union all
    select
        tenant_id,
        'subscription_changes' as input_name,
        changed_at as at,
        null::timestamptz as acts_at,
        'infinity' as valid_to,
        row(change_id, subscription_id, kind, mrr_delta_amount, changed_at)::text as content,
        known_from
    from history.subscription_changes
    union all
    select
        tenant_id,
        'user_events' as input_name,
        occurred_at as at,
        null::timestamptz as acts_at,
        'infinity' as valid_to,
        row(event_id, account_id, user_id, feature, occurred_at)::text as content,
        known_from
    from history.user_events
    union all
    select
        tenant_id,
        'infra_costs' as input_name,
        incurred_at as at,
        null::timestamptz as acts_at,
        'infinity' as valid_to,
        row(cost_id, provider, service, amount, incurred_at)::text as content,
        known_from
    from history.infra_costs
    union all
    select
        tenant_id,
        'opportunities' as input_name,
        greatest(holds_from, created_at) as at,
        null::timestamptz as acts_at,
        'infinity' as valid_to,
        '' as content,
        known_from
    from history.opportunities
    union all
    select
        tenant_id,
        'opportunities' as input_name,
        changed_at as at,
        null::timestamptz as acts_at,
        'infinity' as valid_to,
        '' as content,
        known_from
    from history.opportunity_history
),

turns as (
    select
        tenant_id,
        input_name,
        at,
        content,
        known_from
    from said
    where at < valid_to
    union all
    select
        tenant_id,
        input_name,
        valid_to as at,
        'until: ' || content as content,
        known_from
    from said
    where at < valid_to and valid_to < 'infinity'
    union all
    select
        tenant_id,
        input_name,
        acts_at as at,
        'acts: ' || content as content,
        known_from
    from said
    where at < acts_at and acts_at < valid_to
)

select
    tenant_id,
    input_name,
    (at at time zone (select ops.timezone()))::date as day,
    count(*) as records_count,
    sum(hashtextextended(content, 0)::numeric) as content_hash,
    max(known_from) as newest_load
from turns
where at is not null
group by tenant_id, input_name, day
