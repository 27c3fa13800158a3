-- Which stage a label meant, and what that stage made of a deal then, as the text of a query over the spans of stages that
-- p_stages names: the stage that had the label last; before any had it, the one that had it first.
create or replace function meanings_of(p_stages text) returns text language sql immutable as $$
    select format($query$
        select
            l.tenant_id,
            l.stage_label,
            l.stage_id,
            greatest(l.since, s.valid_from) as valid_from,
            least(l.until, s.valid_to) as valid_to,
            s.pipeline_id,
            s.outcome
        from (
            select
                n.tenant_id,
                n.stage_label,
                n.stage_id,
                case when row_number() over label_in_time = 1 then '-infinity' else n.since end as since,
                lead(n.since, 1, 'infinity') over label_in_time as until
            from (
                select s.tenant_id, s.stage_label, s.stage_id, coalesce(min(s.listed_from), '-infinity') as since
                from %1$s as s
                group by s.tenant_id, s.stage_label, s.stage_id
            ) as n
            window label_in_time as (partition by n.tenant_id, n.stage_label order by n.since, n.stage_id)
        ) as l
        inner join %1$s as s on s.tenant_id = l.tenant_id and s.stage_id = l.stage_id
        where greatest(l.since, s.valid_from) < least(l.until, s.valid_to)
    $query$, p_stages)
$$;
