-- Who is credited with which share of a deal, where the CRM splits it. Of several kinds of split one counts: the one
-- that the source says must add up to whole deals, else the one whose shares do so for most deals, and name their
-- owners among them (overlay credit comes on top, and is left out). Shares that do not add up are scaled; a deal
-- without is its owner's.
--
-- Grain: tenant, deal, rep and span of time in which the deal's shares did not change.
-- Key: tenant_id, opportunity_id, rep_id, valid_from
-- Columns:
--   tenant_id text not null: company the row belongs to
--   opportunity_id text not null: the deal
--   rep_id text not null: who is credited
--   valid_from timestamptz not null: from when on it was so; the first reaches back without end
--   valid_to timestamptz not null: until just before when; the last reaches on without end
--   share_from numeric not null: shares of the reps before this one in order of their ids, summed: 0 to 1
--   share_to numeric not null: the same with this one's: its amount is the difference of the two, each times the
--       deal's, rounded
-- Rules:
--   share_to does not come after share_from unless share_from < share_to
with spans as (
    select
        tenant_id,
        split_id,
        opportunity_id,
        coalesce(rep_id, '-1') as rep_id,
        coalesce(split_type, '') as split_type,
        is_whole,
        coalesce(percentage, amount) as weight,
        percentage is not null as is_percentage,
        is_deleted,
        holds_from as since,
        valid_to as until
    from history.opportunity_splits
),

judged_deals as (
    select
        s.tenant_id,
        s.split_type,
        s.opportunity_id,
        bool_or(s.is_whole) as is_whole,
        coalesce(abs(sum(s.weight) filter (where s.is_percentage) - 100) < 0.01, false) as adds_up,
        coalesce(bool_or(s.rep_id = d.owner_id), false) as has_owner
    from spans as s
    left join crm_remote.opportunities_versions as d
        on
            s.tenant_id = d.tenant_id and s.opportunity_id = d.opportunity_id
            and d.known_from <= (select ops.known_as_of()) and d.known_to > (select ops.known_as_of())
    where s.until = 'infinity' and not s.is_deleted and s.weight is not null
    group by s.tenant_id, s.split_type, s.opportunity_id
),

kinds as (
    select distinct on (tenant_id)
        tenant_id,
        split_type
    from (
        select
            tenant_id,
            split_type,
            bool_or(is_whole) as is_whole,
            avg(adds_up::int) as adds_up,
            avg(has_owner::int) as has_owner,
            count(*) as deals_count
        from judged_deals
        group by tenant_id, split_type
    ) as k
    where coalesce(is_whole, adds_up > 0)
    order by
        tenant_id asc, is_whole desc nulls last, adds_up > 0.9 desc, has_owner desc, adds_up desc, deals_count desc,
        split_type asc
),

counted as (
    select s.*
    from spans as s
    inner join kinds as k on s.tenant_id = k.tenant_id and s.split_type = k.split_type
    where not s.is_deleted and s.weight > 0
),

bounds as (
    select
        tenant_id,
        opportunity_id,
        since as at
    from counted
    union
    select
        tenant_id,
        opportunity_id,
        until as at
    from counted
),

deal_spans as (
    select
        tenant_id,
        opportunity_id,
        at as valid_from,
        lead(at) over (partition by tenant_id, opportunity_id order by at) as valid_to
    from bounds
),

shares as (
    select
        d.tenant_id,
        d.opportunity_id,
        c.rep_id,
        d.valid_from,
        d.valid_to,
        sum(c.weight) as weight
    from deal_spans as d
    inner join counted as c
        on
            d.tenant_id = c.tenant_id and d.opportunity_id = c.opportunity_id
            and d.valid_from >= c.since and d.valid_to <= c.until
    group by d.tenant_id, d.opportunity_id, c.rep_id, d.valid_from, d.valid_to
)

select
    tenant_id,
    opportunity_id,
    rep_id,
    valid_from,
    valid_to,
    (sum(weight) over in_order - weight) / sum(weight) over deal_span as share_from,
    sum(weight) over in_order / sum(weight) over deal_span as share_to
from shares
window
    deal_span as (partition by tenant_id, opportunity_id, valid_from),
    in_order as (partition by tenant_id, opportunity_id, valid_from order by rep_id)
