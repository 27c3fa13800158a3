-- What should a sales leader talk about with each rep?
select
    rep_id,
    primary_focus_area,
    overall_assessment
from ai.rep_coaching_insights
where
    tenant_id = 'acme'
    and snapshot_date = (select max(n.snapshot_date) from ai.rep_coaching_insights as n)
order by rep_id;

-- What was the focus of each rep, day by day?
select
    rep_id,
    snapshot_date,
    primary_focus_area
from ai.rep_coaching_insights
where tenant_id = 'acme'
order by rep_id, snapshot_date;
