-- What the change log says, brought into one form before it is merged: values as those of their field, names of reps and
-- accounts as their ids, changes of one instant in the order of their chain.

-- A value of the change log as one of its field: a number without exponent, the day of a time stamp (also in
-- milliseconds).
create or replace function crm.history_value(p_field text, p_value text) returns text language sql stable as $$
    select case
        when p_value is null then null
        when p_field in ('amount', 'probability', 'discount_pct') and p_value ~ '^\s*[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,2})?\s*$'
            then trim_scale(p_value::numeric)::text
        when p_field = 'close_date' and not crm.is_date(p_value)
            and p_value ~ '^\d{4}-(0[1-9]|1[0-2])-([0-2]\d|30|31)[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)?$'
            and crm.is_date(left(p_value, 10))
            then crm.day_of(p_value, current_setting('timezone'))::text
        when p_field = 'close_date' and p_value ~ '^\d{12,13}$'  -- milliseconds since 1970
            then (to_timestamp(p_value::float8 / 1000) at time zone crm.day_zone())::date::text
        else p_value
    end
$$;

-- What is wrong with a change whose values are none of its field, in a user's words.
create or replace function crm.history_fault(p_field text, p_old text, p_new text) returns text language sql stable as $$
    select format('opportunity_history: %s: %L is not %s', p_field,
        left(case when crm.fits_opportunity(p_field, p_old) then p_new else p_old end, 60),
        case p_field when 'close_date' then 'a day, as 2024-03-31' when 'competitor_status' then 'named or active' else 'a number' end)
$$;

-- The order in which changes of one field at one instant follow from each other: places in the arrays. It begins with a
-- value that no other change leads to and goes from each new value to a change that has it as its old one; where they lead
-- round in a circle it ends at p_last. What is no chain goes by its place, what leads to p_last last.
create or replace function crm.chain(p_olds text[], p_news text[], p_last text) returns int[] language plpgsql immutable as $$
declare
    v_order int[] := '{}';
    v_left int[] := array(select generate_subscripts(p_news, 1));
    v_path int[];
    v_tour int[];
    v_at text;
    v_next int;
    v_final int[] := '{}';  -- the tour that ends where the record is
begin
    if array_remove(p_olds, null) = '{}' then
        v_next := array_position(p_news, p_last);
        return case when v_next is null then v_left else array_remove(v_left, v_next) || v_next end;
    end if;
    while cardinality(v_left) > 0 loop
        v_at := (
            select d.value from (
                select p_olds[i] as value, 1 as change, i from unnest(v_left) as i
                union all
                select p_news[i], -1, i from unnest(v_left) as i
            ) as d
            group by d.value
            order by sum(d.change) = 1 desc, d.value is not distinct from p_last desc,
                min(d.i) filter (where d.change = 1) nulls last
            limit 1
        );
        -- A tour over all changes that can be reached (Hierholzer): what leads into a dead end comes last.
        v_path := '{}';
        v_tour := '{}';
        loop
            v_next := (
                select min(i) from unnest(v_left) as i where p_olds[i] is not distinct from v_at and i <> all(v_path || v_tour)
            );
            if v_next is not null then
                v_path := v_path || v_next;
                v_at := p_news[v_next];
            elsif cardinality(v_path) > 0 then
                v_tour := v_path[cardinality(v_path)] || v_tour;
                v_at := p_olds[v_path[cardinality(v_path)]];
                v_path := trim_array(v_path, 1);
            else
                exit;
            end if;
        end loop;
        -- Where a change is missing there is no such tour: as far as it goes, in order of their places.
        if exists (
            select from generate_series(1, cardinality(v_tour) - 1) as n
            where p_news[v_tour[n]] is distinct from p_olds[v_tour[n + 1]]
        ) then
            v_tour := array[(select min(i) from unnest(v_tour) as i)];
        end if;
        v_tour := case when cardinality(v_tour) = 0 then v_left[1:1] else v_tour end;
        if p_news[v_tour[cardinality(v_tour)]] = p_last then
            v_order := v_order || v_final;
            v_final := v_tour;
        else
            v_order := v_order || v_tour;
        end if;
        v_left := array(select i from unnest(v_left) as i where i <> all(v_tour));
    end loop;
    return v_order || v_final;
end $$;

create or replace function crm.settle_changes(p_load_id bigint, p_table text, p_staging text) returns void language plpgsql as $$
declare
    v_tenant text := (select tenant_id from crm.loads where load_id = p_load_id);
    v_stage text := format('%I.%I', p_staging, p_table);
    v_record text := case p_table when 'lead_history' then 'lead_id' else 'opportunity_id' end;
    v_parent text := case p_table when 'lead_history' then 'leads' else 'opportunities' end;
    v_field text;
    v_names text;
    v_id text;
begin
    if p_table = 'opportunity_history' then
        execute format($sql$
            update %1$s as s set old_value = crm.history_value(s.field, s.old_value), new_value = crm.history_value(s.field, s.new_value)
            where s.load_id = %2$s and s.field in ('amount', 'probability', 'discount_pct', 'close_date') and (
                s.old_value is distinct from crm.history_value(s.field, s.old_value)
                or s.new_value is distinct from crm.history_value(s.field, s.new_value)
            )
        $sql$, v_stage, p_load_id);
    end if;

    -- Salesforce logs a changed reference twice, by id and by name. A name that is one record's alone is read as its id;
    -- of two changes of one instant of which one has known ids and the other has not, the other is left out.
    for v_field, v_names, v_id in values ('owner_id', 'reps', 'rep_id'), ('account_id', 'accounts', 'account_id') loop
        continue when p_table = 'lead_history' and v_field = 'account_id';
        execute format($sql$
            drop table if exists pg_temp.known_records, pg_temp.named_changes;
            create temporary table named_changes on commit drop as
            select s.ctid as at, s.%5$I as record, s.changed_at, s.old_value, s.new_value
            from %1$s as s where s.load_id = %2$s and s.field = %3$L
        $sql$, v_stage, p_load_id, v_field, null, v_record);
        continue when not exists (select from pg_temp.named_changes);
        execute format($sql$
            create temporary table known_records on commit drop as
            select %1$I as id, name from crm.%2$I where tenant_id = %3$L
        $sql$, v_id, v_names || '_current', v_tenant);
        if to_regclass(format('%I.%I', p_staging, v_names)) is not null then
            execute format($sql$
                insert into known_records select s.%1$I, s.name from %2$I.%3$I as s where s.load_id = %4$s and s.%1$I is not null
            $sql$, v_id, p_staging, v_names, p_load_id);
        end if;
        -- Whatever deals name as theirs is an id, too.
        execute format('insert into known_records select %1$I, null from crm.opportunities_current where tenant_id = %2$L', v_field, v_tenant);
        if to_regclass(format('%I.opportunities', p_staging)) is not null then
            execute format('insert into known_records select s.%I, null from %I.opportunities as s where s.load_id = %s',
                v_field, p_staging, p_load_id);
        end if;
        execute format($sql$
            with ids as (select distinct id from known_records where id is not null),
            names as (select name, min(id) as id from known_records where name is not null group by name having min(id) = max(id)),
            judged as (
                select c.*, case when o.id is null then no.id end as old_id, case when n.id is null then nn.id end as new_id,
                    ((o.id is not null)::int + (n.id is not null)::int) * 4
                    + (coalesce(c.old_value, c.new_value) ~ '^[0-9A-Za-z]{15}([0-9A-Za-z]{3})?$')::int
                    + (c.new_value ~ '^[0-9A-Za-z]{15}([0-9A-Za-z]{3})?$')::int as score
                from named_changes as c
                left join ids as o on o.id = c.old_value
                left join ids as n on n.id = c.new_value
                left join names as no on no.name = c.old_value
                left join names as nn on nn.name = c.new_value
            ),
            ranked as (
                select *, max(score) over (partition by record, changed_at) as best from judged
            ),
            gone as (
                delete from %1$s as s using ranked as r where s.ctid = r.at and r.score < r.best
            )
            update %1$s as s set old_value = coalesce(r.old_id, s.old_value), new_value = coalesce(r.new_id, s.new_value)
            from ranked as r
            where s.ctid = r.at and r.score = r.best and (r.old_id is not null or r.new_id is not null)
        $sql$, v_stage);
    end loop;

    -- Changes of one instant that nobody numbered go in the order in which they were staged.
    execute format($sql$
        update %1$s as s set line_no = n.number
        from (
            select t.ctid as at, row_number() over (order by t.ctid) as number
            from %1$s as t
            where t.load_id = %2$s and t.line_no is null and (t.%3$I, t.changed_at) in (
                select o.%3$I, o.changed_at from %1$s as o where o.load_id = %2$s and o.changed_at is not null
                group by 1, 2 having count(*) > 1
            )
        ) as n
        where s.ctid = n.at
    $sql$, v_stage, p_load_id, v_record);

    -- Changes of one field at one instant trade their lines, so that whoever reads them in order of lines reads them in
    -- order of time.
    drop table if exists pg_temp.instant_changes, pg_temp.instant_order;
    execute format($sql$
        create temporary table instant_changes on commit drop as
        select s.ctid as at, s.%3$I as record, s.changed_at, s.field, s.old_value, s.new_value, s.line_no,
            row_number() over (partition by s.%3$I, s.changed_at, s.field order by s.line_no, s.file_name, s.ctid) as place
        from %1$s as s
        where s.load_id = %2$s and (s.%3$I, s.changed_at, s.field) in (
            select t.%3$I, t.changed_at, t.field from %1$s as t where t.load_id = %2$s and t.changed_at is not null
            group by 1, 2, 3 having count(*) > 1
        )
    $sql$, v_stage, p_load_id, v_record);
    if not exists (select from pg_temp.instant_changes) then
        return;
    end if;
    execute format($sql$
        create temporary table instant_order on commit drop as
        with present as (
            select o.%1$I as record, to_jsonb(o) as content from crm.%2$I as o
            where o.tenant_id = %3$L and o.%1$I in (select record from instant_changes)
            %4$s
        ),
        -- The value that the changes of each instant began with: the old one that none of them leads to, if there is one.
        instants as (
            select s.%1$I as record, s.field, s.changed_at, (
                select case when count(*) = 1 then min(o.value) end
                from (
                    select unnest(array_remove(array_agg(s.old_value), null)) as value
                    except select unnest(array_agg(s.new_value))
                ) as o
            ) as began_with
            from %5$s as s
            where s.load_id = %6$s and s.changed_at is not null
                and (s.%1$I, s.field) in (select c.record, c.field from instant_changes as c)
            group by s.%1$I, s.field, s.changed_at
        ),
        -- What they led to is what the next one began with (those between, if any, led round); after the last, the record.
        led as (
            select i.record, i.field, i.changed_at, case
                when lead(i.changed_at) over in_time is not null then (
                    array_remove(array_agg(i.began_with) over (in_time rows between 1 following and unbounded following), null)
                )[1]
                else (
                    select crm.history_value(i.field, p.content ->> i.field) from present as p where p.record = i.record
                    order by p.content ? 'file_name' desc limit 1
                )
            end as to_value
            from instants as i
            window in_time as (partition by i.record, i.field order by i.changed_at)
        ),
        chained as (
            select c.record, c.changed_at, c.field, array_agg(c.at order by c.place) as ats,
                array_agg(c.line_no order by c.place) as lines,
                crm.chain(array_agg(c.old_value order by c.place), array_agg(c.new_value order by c.place), min(l.to_value))
                    as places
            from instant_changes as c
            inner join led as l on l.record = c.record and l.field = c.field and l.changed_at = c.changed_at
            group by c.record, c.changed_at, c.field
        ),
        -- Several changes may stand in one line: they count on from it.
        counted as (
            select c.ats[p.place] as at, c.lines[p.place] as old_line_no,
                max(c.lines[p.number] - p.number) over (partition by c.record, c.changed_at, c.field order by p.number) + p.number
                    as line_no
            from chained as c
            cross join lateral unnest(c.places) with ordinality as p (place, number)
        )
        select at, line_no from counted where line_no is distinct from old_line_no
    $sql$, v_record, v_parent || '_current', v_tenant,
        case when to_regclass(format('%I.%I', p_staging, v_parent)) is not null then format($sql$
            union all
            select s.%1$I, to_jsonb(s) from %2$I.%3$I as s
            where s.load_id = %4$s and s.%1$I in (select record from instant_changes)
        $sql$, v_record, p_staging, v_parent, p_load_id) end, v_stage, p_load_id);
    execute format('update %s as s set line_no = o.line_no from instant_order as o where s.ctid = o.at', v_stage);
end $$;
