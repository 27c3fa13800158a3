-- Detects: deals whose owner, account or stage is not among the loaded reps, accounts or stages.
-- Why: a deal that points nowhere drops out of every figure that joins, or lands in "Unknown".
-- A row means: this deal names something that its source never sent (sources without that table are left out).
-- Severity: warn
with named as (
    select
        tenant_id,
        opportunity_id,
        'owner' as what,
        owner_id as id
    from crm_remote.opportunities
    union all
    select
        tenant_id,
        opportunity_id,
        'account' as what,
        account_id as id
    from crm_remote.opportunities
    union all
    select
        tenant_id,
        opportunity_id,
        'stage' as what,
        stage_id as id
    from crm_remote.opportunities
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

sent as (select distinct
    tenant_id,
    what
from known
)

select n.*
from named as n
inner join sent on n.tenant_id = sent.tenant_id and n.what = sent.what
left join known as k on n.tenant_id = k.tenant_id and n.what = k.what and n.id = k.id
where n.id is not null and k.id is null
