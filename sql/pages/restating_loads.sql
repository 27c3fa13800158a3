-- After which loads a day's forecasts read otherwise than before, the newest first: each stretch of loads that one
-- rewriting of the day took in, and whether the company's own records or reference data were among them.
with stretches as (
    select
        r.known_as_of,
        r.restated_by,
        count(distinct r.row_key) filter (where r.dataset = 'enriched.deal_forecasts') as deals
    from semantic.restatements as r
    where
        r.tenant_id = :tenant and r.snapshot_date = :day and r.restated_by > r.known_as_of and r.cut_at is null
        and r.dataset in ('enriched.deal_forecasts', 'dashboard.dashboard_kpis')
    group by r.known_as_of, r.restated_by
)

select
    s.known_as_of,
    s.restated_by,
    s.deals,
    max(l.finished_at) as finished_at,
    string_agg(distinct l.source, ', ') as sources
from stretches as s
left join semantic.loads as l
    on s.known_as_of < l.load_seq and s.restated_by >= l.load_seq and (l.tenant_id = :tenant or l.tenant_id is null)
group by s.known_as_of, s.restated_by, s.deals
order by s.restated_by desc, s.known_as_of desc
