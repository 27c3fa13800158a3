-- Detects: quarters whose leads or deals by source do not add up to all of them.
-- Why: a lead has one source (or none, which is one) and a deal one lead; else it is counted twice or not at all.
-- A row means: of what this quarter created all are so many, and those of its sources are so many.
with sums as (
    select
        tenant_id,
        snapshot_date,
        quarter_start,
        sum(leads_count) filter (where lead_source = 'All') as all_leads,
        sum(leads_count) filter (where lead_source <> 'All') as sources_leads,
        sum(deals_count + direct_deals_count) filter (where lead_source = 'All') as all_deals,
        sum(deals_count + direct_deals_count) filter (where lead_source <> 'All') as sources_deals
    from analytics.source_funnel
    where snapshot_date = (select max(f.snapshot_date) from analytics.source_funnel as f)
    group by tenant_id, snapshot_date, quarter_start
)

select
    tenant_id,
    snapshot_date,
    quarter_start,
    all_leads,
    sources_leads,
    all_deals,
    sources_deals
from sums
where all_leads is distinct from sources_leads or all_deals is distinct from sources_deals
