-- What every rep won of the quota, and the rank.
select
    v.tenant_id,
    v.snapshot_date,
    'attainment of ' || v.rep_id || ': dashboard.rep_performance_view, analytics.rep_performance' as what,
    concat_ws(' / ', trim_scale(v.ytd_attainment), v.overall_rank) as one,
    concat_ws(
        ' / ', trim_scale(round(p.year_won_amount / nullif(p.year_to_date_quota, 0), 4)), p.overall_rank
    ) as other
from dashboard.rep_performance_view as v
inner join analytics.rep_performance as p
    on
        v.tenant_id = p.tenant_id and v.snapshot_date = p.snapshot_date and v.known_as_of = p.known_as_of
        and v.rep_id = p.rep_id
union all
select
    v.tenant_id,
    v.snapshot_date,
    'attainment of ' || v.rep_id || ': dashboard.rep_performance_view, ai.coaching_inputs' as what,
    concat_ws(' / ', v.ytd_attainment_display, v.rank_display) as one,
    concat_ws(' / ', i.inputs ->> 'attainment', i.inputs ->> 'rank') as other
from dashboard.rep_performance_view as v
inner join ai.coaching_inputs as i
    on
        v.tenant_id = i.tenant_id and v.snapshot_date = i.snapshot_date and v.known_as_of = i.known_as_of
        and v.rep_id = i.rep_id
