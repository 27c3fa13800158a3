-- Detects: months whose starting MRR and movements do not give the ending MRR, or whose ending MRR is not revenue/mrr.
-- Why: MRR is explained by its movements only if nothing is left over.
-- A row means: a tenant's day, month and segment or cohort, with what is left over.
with moves as (
    select
        v.tenant_id,
        v.snapshot_date,
        v.variant,
        v.period,
        v.dimensions,
        sum(v.value) filter (where v.measure = 'ending_mrr') as ending_mrr,
        sum(v.value) filter (where v.measure = 'starting_mrr') as starting_mrr,
        sum(v.value) filter (where v.measure in (
            'new_mrr', 'expansion_mrr', 'contraction_mrr', 'churned_mrr', 'reactivation_mrr'
        )) as moved_mrr
    from semantic.metric_values as v
    where v.metric_id = 'revenue/mrr_movements'
    group by 1, 2, 3, 4, 5
    -- Of a restated month only what changed is stored.
    having count(*) filter (where v.measure like '%\_mrr') = 7
)

select
    m.tenant_id,
    m.snapshot_date,
    m.variant,
    m.period,
    m.dimensions,
    m.starting_mrr,
    m.moved_mrr,
    m.ending_mrr,
    m.starting_mrr + m.moved_mrr - m.ending_mrr as left_over,
    r.value as mrr
from moves as m
left join semantic.metric_values as r
    on
        m.tenant_id = r.tenant_id and m.snapshot_date = r.snapshot_date and m.period = r.period and m.variant = 'whole'
        and r.metric_id = 'revenue/mrr' and r.variant = 'whole' and r.measure = 'value'
where
    m.starting_mrr + m.moved_mrr <> m.ending_mrr
    or r.value <> m.ending_mrr
