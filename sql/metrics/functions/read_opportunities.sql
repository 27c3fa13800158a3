-- Reads the deals that were created on one of the days of pg_temp.metrics_days, or won or lost or opened again, once. When a
-- deal was open, won or lost: docs/definitions.md. Fills
--   pg_temp.metrics_opportunities   one row per deal and day, of what happened on it and still held at its end: created, won
create or replace function metrics.read_opportunities() returns void language plpgsql as $$
declare
    v_known_as_of text := current_setting('revops.known_as_of', true);
begin
    perform metrics.read_log(
        'opportunity', '{record_created,record_closed,record_gone,record_outcome,record_current,stage_id,status,loss_reason,owner_id,amount,currency,close_date,lead_source}',
        'g.field in (''record_created'', ''record_closed'', ''record_outcome'', ''stage_id'', ''status'', ''loss_reason'') and g.at >= $4 and g.at < $5'
    );
    create temporary table if not exists metrics_stages (
        tenant_id text not null, stage_id text not null, stage_label text not null, valid_from timestamptz not null,
        valid_to timestamptz not null, pipeline_id text, outcome text not null, listed_from timestamptz
    ) on commit drop;
    create temporary table if not exists metrics_opportunities (
        tenant_id text not null, opportunity_id text not null, metric_date date not null, as_of timestamptz not null,
        is_created boolean not null, is_won boolean not null, owner_id text, created_amount numeric, won_amount numeric,
        lead_source text
    ) on commit drop;
    create temporary table if not exists metrics_rates (
        tenant_id text not null, currency text not null, valid_from date not null, valid_to date not null, rate numeric not null,
        is_home boolean not null
    ) on commit drop;
    create temporary table if not exists metrics_credits (
        tenant_id text not null, opportunity_id text not null, rep_id text not null, valid_from timestamptz not null,
        valid_to timestamptz not null, share_from numeric not null, share_to numeric not null
    ) on commit drop;
    truncate pg_temp.metrics_stages, pg_temp.metrics_opportunities, pg_temp.metrics_rates, pg_temp.metrics_credits;

    -- What the stages meant, currencies are worth and deals' credit is: the views read at the session's transaction time.
    perform set_config('revops.known_as_of', (metrics.window_to_read()).known_as_of::text, true);
    insert into pg_temp.metrics_stages
    select s.tenant_id, s.stage_id, s.stage_label, s.valid_from, s.valid_to, s.pipeline_id, s.outcome, s.listed_from
    from ops.pipeline_stages as s
    inner join pg_temp.metrics_tenants as t on t.tenant_id = s.tenant_id;
    insert into pg_temp.metrics_rates
    select r.tenant_id, r.currency, r.valid_from, r.valid_to, r.rate, r.is_home
    from ops.exchange_rates as r
    inner join pg_temp.metrics_tenants as t on t.tenant_id = r.tenant_id;
    if exists (select from crm_remote.opportunity_splits_versions) then
        insert into pg_temp.metrics_credits
        select c.tenant_id, c.opportunity_id, c.rep_id, c.valid_from, c.valid_to, c.share_from, c.share_to
        from ops.deal_credits as c
        inner join pg_temp.metrics_tenants as t on t.tenant_id = c.tenant_id;
    end if;
    perform set_config('revops.known_as_of', coalesce(v_known_as_of, ''), true);

    -- Moves by what their stages meant then; what the versions of records say of deals without any; and the closing by a record
    -- that is newer than the last move: all by the rules of both databases (sql/0_schema/functions).
    execute format($sql$
        insert into pg_temp.metrics_log
        with meanings as materialized (%s),

        moves as (
            select m.* from (
                select l.tenant_id, l.record_id, l.at, l.known_from, l.line_no, coalesce(o.outcome, 'open') as old_outcome,
                    ops.move_outcome(l.field, l.new_value, n.outcome, exists (
                        select from pg_temp.metrics_stages as s where s.tenant_id = l.tenant_id and s.outcome = 'lost'
                    )) as new_outcome
                from pg_temp.metrics_log as l
                left join meanings as o
                    on l.field = 'stage_id' and o.tenant_id = l.tenant_id and o.stage_label = l.old_value
                    and l.at >= o.valid_from and l.at < o.valid_to
                left join meanings as n
                    on l.field = 'stage_id' and n.tenant_id = l.tenant_id and n.stage_label = l.new_value
                    and l.at >= n.valid_from and l.at < n.valid_to
                where l.kind = 'opportunity' and l.field in ('stage_id', 'status', 'loss_reason')
            ) as m
            where m.new_outcome is not null
        ),

        last_moves as (
            select distinct on (m.tenant_id, m.record_id) m.*
            from moves as m
            order by m.tenant_id, m.record_id, m.at desc, m.known_from desc, m.line_no desc
        )

        select 'opportunity', m.tenant_id, m.record_id, 'outcome', m.at, m.old_outcome, m.new_outcome, false, m.known_from,
            m.line_no
        from moves as m
        union all
        select 'opportunity', v.tenant_id, v.opportunity_id, 'outcome', v.turned_at, v.previous_outcome, v.outcome, false,
            row_number() over (partition by v.tenant_id, v.opportunity_id order by v.valid_from), 0
        from (%s) as v
        where v.turned_at is not null
        union all
        select 'opportunity', c.tenant_id, c.record_id, 'outcome', c.closed_at, c.last_outcome, c.outcome, false,
            9223372036854775806, c.line_no
        from (
            select m.tenant_id, m.record_id, v.line_no, v.new_value as outcome, m.new_outcome as last_outcome,
                ops.closed_by_record(
                    v.new_value, v.at, least(v.old_value::timestamptz, v.at), m.new_outcome, m.at
                ) as closed_at
            from last_moves as m
            inner join pg_temp.metrics_log as v
                on v.kind = 'opportunity' and v.field = 'record_current' and v.tenant_id = m.tenant_id
                and v.record_id = m.record_id
        ) as c
        where c.closed_at is not null
    $sql$, ops.meanings_of('pg_temp.metrics_stages'), ops.turns_of($sql$
        select o.tenant_id, o.record_id as opportunity_id, o.at as valid_from, o.new_value <> 'open' as is_closed,
            o.new_value = 'won' as is_won, o.old_value::timestamptz as closed_at, false as is_deleted
        from (
            select l.*, lead(l.at) over (
                partition by l.tenant_id, l.record_id order by l.at, l.known_from, l.line_no
            ) as next_at
            from pg_temp.metrics_log as l
            where l.kind = 'opportunity' and l.field = 'record_outcome'
                and (l.tenant_id, l.record_id) not in (select m.tenant_id, m.record_id from moves as m)
        ) as o
        where o.next_at is distinct from o.at
    $sql$));
    perform metrics.lay_out_values('opportunity');

    insert into pg_temp.metrics_opportunities
    with lives as (
        select l.tenant_id, l.record_id,
            (array_agg(l.at order by l.old_value::timestamptz desc, l.known_from desc, l.line_no desc)
                filter (where l.field = 'record_created' and isfinite(l.at)))[1] as created_at
        from pg_temp.metrics_log as l
        where l.kind = 'opportunity'
        group by l.tenant_id, l.record_id
    ),

    happened as (
        select l.tenant_id, l.record_id, 'created' as what, l.created_at as at, 'infinity'::timestamptz as ended_at
        from lives as l
        union all
        select v.tenant_id, v.record_id, v.value, greatest(v.valid_from, l.created_at), v.valid_to
        from pg_temp.metrics_values as v
        inner join lives as l on l.tenant_id = v.tenant_id and l.record_id = v.record_id
        where v.kind = 'opportunity' and v.field = 'outcome' and v.value = 'won'
    ),

    held as (
        select h.tenant_id, h.record_id, d.metric_date, d.as_of, bool_or(h.what = 'created') as is_created,
            bool_or(h.what = 'won') as is_won
        from happened as h
        inner join pg_temp.metrics_days as d
            on d.tenant_id = h.tenant_id and d.metric_date = (h.at at time zone ops.timezone())::date
        where h.at < d.as_of and h.ended_at >= d.as_of
        group by h.tenant_id, h.record_id, d.metric_date, d.as_of
    ),

    told as (
        select h.tenant_id, h.record_id, h.metric_date, h.as_of, h.is_created, h.is_won,
            max(v.value) filter (where v.field = 'owner_id') as owner_id,
            max(v.value) filter (where v.field = 'amount')::numeric as amount,
            upper(max(v.value) filter (where v.field = 'currency')) as currency,
            coalesce(max(v.value) filter (where v.field = 'close_date')::date, h.metric_date) as close_date,
            max(v.value) filter (where v.field = 'lead_source') as lead_source
        from held as h
        inner join pg_temp.metrics_values as v
            on v.kind = 'opportunity' and v.tenant_id = h.tenant_id and v.record_id = h.record_id
            and v.valid_from < h.as_of and v.valid_to >= h.as_of
        group by h.tenant_id, h.record_id, h.metric_date, h.as_of, h.is_created, h.is_won
        having bool_or(v.field = 'record_gone' and v.value = 'false')
    )

    -- In the company's own currency: what was created at the rate of the day, what was won at that of its close date.
    select t.tenant_id, t.record_id, t.metric_date, t.as_of, t.is_created, t.is_won, t.owner_id,
        round(t.amount / c.rate, 2), round(t.amount / w.rate, 2), t.lead_source
    from told as t
    left join pg_temp.metrics_rates as h on h.tenant_id = t.tenant_id and h.is_home
    left join pg_temp.metrics_rates as c
        on c.tenant_id = t.tenant_id and c.currency = coalesce(t.currency, h.currency)
        and t.metric_date >= c.valid_from and t.metric_date < c.valid_to
    left join pg_temp.metrics_rates as w
        on w.tenant_id = t.tenant_id and w.currency = coalesce(t.currency, h.currency)
        and t.close_date >= w.valid_from and t.close_date < w.valid_to;
    analyze pg_temp.metrics_opportunities;
end $$;
