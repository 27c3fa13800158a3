-- The one rule of when a record says that a deal was open, won or lost, as the text of a query: the versions of deals that
-- p_spans (the text of crm.spans_of) gives, each with what it made of the deal.
--   outcome, previous_outcome: open, won or lost, as the version and the one before it say
--   turned_at: where it says otherwise than the version before (before the first: open), since when: the deal was closed at its
--   closing date, though not after the version began, nor before the turn before it; it was opened when the version began
-- A version that is deleted says nothing. The record's own columns come last: a view over it can gain new ones.
create or replace function turns_of(p_spans text) returns text language sql immutable as $$
    select format($query$
        select
            case
                when t.is_turn then greatest(t.said_at, max(t.said_at) filter (where t.is_turn) over (
                    partition by t.tenant_id, t.opportunity_id order by t.valid_from
                    rows between unbounded preceding and 1 preceding
                ))
            end as turned_at,
            t.*
        from (
            select
                least(o.valid_from, case when o.is_closed then o.closed_at end) as said_at,
                not o.is_deleted and o.outcome <> o.previous_outcome as is_turn,
                o.*
            from (
                select
                    lag(p.outcome, 1, 'open') over (
                        partition by p.tenant_id, p.opportunity_id, p.is_deleted order by p.valid_from
                    ) as previous_outcome,
                    p.*
                from (
                    select
                        case when not v.is_closed then 'open' when v.is_won then 'won' else 'lost' end as outcome,
                        v.*
                    from (%s) as v
                ) as p
            ) as o
        ) as t
    $query$, p_spans)
$$;
