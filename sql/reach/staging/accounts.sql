-- An account's name, while it was so and the account had open deals.
with open_days as (
    select
        i.tenant_id,
        i.account_id,
        range_agg(ops.valid_days(i.d_from, i.d_to)) as days
    from staging.deal_intervals as i
    where
        i.status = 'open'
        and (i.tenant_id, i.account_id) in (select
            c.tenant_id,
            c.account_id
        from pg_temp.changed_rows as c)
    group by i.tenant_id, i.account_id
)

select
    c.tenant_id,
    c.side,
    d.dataset,
    row(c.account_id, c.account_name)::text as content,
    ops.valid_days(c.valid_from, c.valid_to) * o.days as days
from pg_temp.changed_rows as c
inner join open_days as o on c.tenant_id = o.tenant_id and c.account_id = o.account_id
cross join (values ('dashboard.stuck_deals_view'), ('dashboard.next_best_actions')) as d (dataset)
