-- Since when a tenant's source has told of what datasets judge by (staging.source_coverage), side by side.
--
-- Grain: tenant.
-- Columns:
--   tenant_id: company the row belongs to
--   activity_since: first day with a two-way activity; this and the others null if there never was one
--   stakeholder_since: first day with an engaged contact
--   competition_since: first day with a competitor
--   discount_since: first day with a discount
--   roles_since: first day with a contact's role
--   amount_since: first day with an amount
--   money_since: first day by which there had been an amount and a close date
--   outcomes_since: first day by which there had been a won and a lost deal
select
    tenant_id,
    max(since_date) filter (where matter = 'activity') as activity_since,
    max(since_date) filter (where matter = 'stakeholder') as stakeholder_since,
    max(since_date) filter (where matter = 'competition') as competition_since,
    max(since_date) filter (where matter = 'discount') as discount_since,
    max(since_date) filter (where matter = 'roles') as roles_since,
    max(since_date) filter (where matter = 'amount') as amount_since,
    case
        when count(since_date) filter (where matter in ('amount', 'close_date')) = 2
            then max(since_date) filter (where matter in ('amount', 'close_date'))
    end as money_since,
    case
        when count(since_date) filter (where matter in ('won', 'lost')) = 2
            then max(since_date) filter (where matter in ('won', 'lost'))
    end as outcomes_since
from staging.source_coverage
group by tenant_id
