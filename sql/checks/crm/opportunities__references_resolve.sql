-- Detects: deals whose owner, account or stage is not among the loaded reps, accounts or stages.
-- Why: a deal that points nowhere drops out of every figure that joins, or lands in "Unknown".
-- A row means: this deal names something that its source never sent (sources without that table are left out).
-- Severity: warn
with named as (
    select
        o.tenant_id,
        o.opportunity_id,
        r.what,
        r.id
    from crm_remote.opportunities as o
    cross join lateral (values ('owner', o.owner_id), ('account', o.account_id), ('stage', o.stage_id)) as r (what, id)
    where r.id is not null
),

known as (
    select
        tenant_id,
        'owner' as what,
        rep_id as id
    from crm_remote.reps
    union all
    select
        tenant_id,
        'account' as what,
        account_id as id
    from crm_remote.accounts
    union all
    select
        tenant_id,
        'stage' as what,
        stage_id as id
    from crm_remote.pipeline_stages
),

sent as (
    select distinct
        tenant_id,
        what
    from known
)

select n.*
from named as n
inner join sent as s on n.tenant_id = s.tenant_id and n.what = s.what
left join known as k on n.tenant_id = k.tenant_id and n.what = k.what and n.id = k.id
where k.id is null
