-- Reads the deals that were created on one of the days of pg_temp.metrics_days, or won or lost or opened again, once. A
-- deal is won or lost by entering a stage that is, by a change of its status, or, where a source has no lost stages, by a
-- loss reason; entering an open stage after that reopens it. A deal of which no such change is logged is what its record's
-- versions say, closed since its closing date. Fills
--   pg_temp.metrics_opportunities   one row per deal and day, of what happened on it and still held at its end: created, won
create or replace function metrics.read_opportunities() returns void language plpgsql as $$
declare
    v_known_as_of text := current_setting('revops.known_as_of', true);
begin
    perform metrics.read_log(
        'opportunity', '{record_created,record_closed,record_gone,record_outcome,stage_id,status,loss_reason,owner_id,amount,lead_source}',
        'g.field in (''record_created'', ''record_closed'', ''record_outcome'', ''stage_id'', ''status'', ''loss_reason'') and g.at >= $4 and g.at < $5'
    );
    create temporary table if not exists metrics_stages (
        tenant_id text not null, stage_id text not null, stage_label text not null, valid_from timestamptz not null,
        valid_to timestamptz not null, outcome text not null
    ) on commit drop;
    create temporary table if not exists metrics_opportunities (
        tenant_id text not null, opportunity_id text not null, metric_date date not null, as_of timestamptz not null,
        is_created boolean not null, is_won boolean not null, owner_id text, amount numeric, lead_source text
    ) on commit drop;
    truncate pg_temp.metrics_stages, pg_temp.metrics_opportunities;

    -- What the stages meant: the view reads at the session's known time.
    perform set_config('revops.known_as_of', (metrics.window_to_read()).known_as_of::text, true);
    insert into pg_temp.metrics_stages
    select s.tenant_id, s.stage_id, s.stage_label, s.valid_from, s.valid_to, s.outcome
    from ops.pipeline_stages as s
    inner join pg_temp.metrics_tenants as t on t.tenant_id = s.tenant_id;
    perform set_config('revops.known_as_of', coalesce(v_known_as_of, ''), true);

    insert into pg_temp.metrics_log
    with meanings as (
        select distinct l.tenant_id, l.stage_label, s.valid_from, s.valid_to, s.outcome
        from pg_temp.metrics_stages as l
        inner join pg_temp.metrics_stages as s on s.tenant_id = l.tenant_id and s.stage_id = l.stage_id
    ),

    moves as (
        select l.tenant_id, l.record_id, l.at, l.known_from, l.line_no, coalesce(o.outcome, 'open') as old_outcome,
            case l.field when 'status' then l.new_value when 'loss_reason' then 'lost' else coalesce(n.outcome, 'open') end
                as new_outcome
        from pg_temp.metrics_log as l
        left join meanings as o
            on l.field = 'stage_id' and o.tenant_id = l.tenant_id and o.stage_label = l.old_value
            and l.at >= o.valid_from and l.at < o.valid_to
        left join meanings as n
            on l.field = 'stage_id' and n.tenant_id = l.tenant_id and n.stage_label = l.new_value
            and l.at >= n.valid_from and l.at < n.valid_to
        where l.kind = 'opportunity' and (
            l.field = 'stage_id'
            or l.field = 'status' and l.new_value in ('open', 'won', 'lost')
            or l.field = 'loss_reason' and l.new_value is not null and not exists (
                select from pg_temp.metrics_stages as s where s.tenant_id = l.tenant_id and s.outcome = 'lost'
            )
        )
    ),

    versions as (
        select l.*, lag(l.new_value, 1, 'open') over (
            partition by l.tenant_id, l.record_id order by l.at, l.known_from, l.line_no
        ) as old_outcome
        from pg_temp.metrics_log as l
        where l.kind = 'opportunity' and l.field = 'record_outcome'
            and (l.tenant_id, l.record_id) not in (select m.tenant_id, m.record_id from moves as m)
    )

    select 'opportunity', m.tenant_id, m.record_id, 'outcome', m.at, m.old_outcome, m.new_outcome, false, m.known_from, m.line_no
    from moves as m
    union all
    select 'opportunity', v.tenant_id, v.record_id, 'outcome', least(v.old_value::timestamptz, v.at), v.old_outcome,
        v.new_value, false, v.known_from, v.line_no
    from versions as v
    where v.new_value <> v.old_outcome;
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
    )

    select h.tenant_id, h.record_id, h.metric_date, h.as_of, h.is_created, h.is_won,
        max(v.value) filter (where v.field = 'owner_id'), max(nullif(v.value::numeric, 'NaN')) filter (where v.field = 'amount'),
        max(v.value) filter (where v.field = 'lead_source')
    from held as h
    inner join pg_temp.metrics_values as v
        on v.kind = 'opportunity' and v.tenant_id = h.tenant_id and v.record_id = h.record_id
        and v.valid_from < h.as_of and v.valid_to >= h.as_of
    group by h.tenant_id, h.record_id, h.metric_date, h.as_of, h.is_created, h.is_won
    having bool_or(v.field = 'record_gone' and v.value = 'false');
    analyze pg_temp.metrics_opportunities;
end $$;
