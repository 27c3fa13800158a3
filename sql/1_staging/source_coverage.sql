-- Since which business day a tenant's source has told anything at all about a matter: what cannot be judged before that
-- is left out of a judgement, not held against a deal.
--
-- Grain: tenant and matter.
-- Key: tenant_id, matter
-- Columns:
--   tenant_id text not null: company the row belongs to
--   matter text not null: deals (any at all), activity, stakeholder, competition, discount, roles, amount, close_date,
--       won or lost
--   since_date date: first day with any of it; null if there never was
select
    i.tenant_id,
    m.matter,
    min(i.d_from) filter (where m.is_told) as since_date
from staging.deal_intervals as i
cross join
    lateral (
        values
        ('deals', true),
        ('activity', i.last_two_way_at is not null),
        ('stakeholder', i.engaged_contacts_count > 0),
        ('competition', i.competitor is not null),
        ('discount', i.discount_pct is not null),
        ('roles', i.champions_count > 0 or i.engaged_economic_buyers_count > 0),
        ('amount', i.amount is not null),
        ('close_date', i.close_date is not null),
        ('won', i.status = 'won'),
        ('lost', i.status = 'lost')
    ) as m (matter, is_told)
group by i.tenant_id, m.matter
