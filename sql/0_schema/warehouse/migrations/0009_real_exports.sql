-- Money in one currency, quotas without an end, split credit; calendars as long as deals are.

-- Puts new columns behind those of the dataset's file, before what every row carries; rows that are there keep their values.
create function pg_temp.add_columns(p_table text, p_columns text) returns void language plpgsql as $$
declare
    v_column record;
begin
    execute format('alter table %s %s', p_table, p_columns);
    for v_column in
        select a.attname, format_type(a.atttypid, a.atttypmod) as kind, a.attnotnull
        from pg_attribute as a
        where a.attrelid = p_table::regclass and a.attnum > 0 and not a.attisdropped
            and a.attname in ('known_as_of', 'data_freshness', 'created_at', 'updated_at')
        order by a.attnum
    loop
        execute format('alter table %s rename column %I to old_value', p_table, v_column.attname);
        execute format('alter table %s add column %I %s', p_table, v_column.attname, v_column.kind);
        execute format('update %s set %I = old_value', p_table, v_column.attname);
        if v_column.attnotnull then
            execute format('alter table %s alter column %I set not null', p_table, v_column.attname);
        end if;
        execute format('alter table %s drop column old_value', p_table);
    end loop;
end $$;

select pg_temp.add_columns('staging.deal_intervals', 'add column currency_amount numeric(18, 2)');
select pg_temp.add_columns('staging.deal_days', 'add column currency_amount numeric(18, 2)');
select pg_temp.add_columns('staging.pipeline_stages', 'add column listed_from timestamptz');
select pg_temp.add_columns('staging.quotas', 'add column period_type text, add column quota_type text, alter column period_end drop not null');
select pg_temp.add_columns('analytics.pipeline_health_summary', 'add column unconverted_count bigint');

select reference.define_table('exchange_rates', 'currency', $$
    rate numeric not null check (rate > 0),
    is_home boolean
$$, 'Units of a currency for one of the company''s own; in place of the source''s rates.');

create table staging.exchange_rates (
    tenant_id text not null,
    currency text not null,
    valid_from date not null,
    valid_to date not null,
    rate numeric not null check (rate > 0),
    is_home boolean not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, currency, valid_from),
    check (valid_from < valid_to)
);

create table staging.deal_credits (
    tenant_id text not null,
    opportunity_id text not null,
    rep_id text not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    share_from numeric not null,
    share_to numeric not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, opportunity_id, rep_id, valid_from),
    check (share_from < share_to)
);

create table staging.deal_gaps (
    tenant_id text not null,
    opportunity_id text not null,
    gone_on date not null,
    back_on date not null,
    gone_by text not null,
    known_as_of bigint not null,
    data_freshness timestamptz,
    primary key (tenant_id, opportunity_id, gone_on),
    check (gone_on < back_on)
);

-- Sums of many large deals are wider than one.
do $do$
declare
    v_column record;
begin
    for v_column in
        select c.oid::regclass as relation, a.attname
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relkind = 'r' and format_type(a.atttypid, a.atttypmod) = 'numeric(14,2)'
            and c.relnamespace::regnamespace::text in ('staging', 'enriched', 'analytics', 'dashboard', 'ai', 'metrics')
    loop
        begin
            execute format('alter table %s alter column %I type numeric(18, 2)', v_column.relation, v_column.attname);
        exception when feature_not_supported then  -- somebody's view stands on it: nothing of theirs is dropped
            raise warning '%.% stays numeric(14, 2): a view reads it', v_column.relation, v_column.attname;
        end;
    end loop;
end $do$;
