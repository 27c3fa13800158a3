-- Replaces the rows of one table for the days from p_from to p_to by what metrics.<table>_rows() says of pg_temp.metrics_days;
-- counts them per day in pg_temp.metrics_written. Of tenants that are not known yet at the transaction time none stay.
create or replace function metrics.replace_rows(p_table text, p_from date, p_to date, p_tenant text) returns bigint
language plpgsql as $$
declare
    v_rows bigint;
begin
    execute format('delete from metrics.%I as m where m.metric_date between $1 and $2 and ($3 is null or m.tenant_id = $3)', p_table)
    using p_from, p_to, p_tenant;
    execute format($sql$
        with written as (
            insert into metrics.%1$I
            select r.*, d.known_as_of, d.data_freshness
            from metrics.%2$I() as r
            inner join pg_temp.metrics_days as d on d.tenant_id = r.tenant_id and d.metric_date = r.metric_date
            order by 1, 2, 3
            returning tenant_id, metric_date
        ),

        counted as (
            insert into pg_temp.metrics_written
            select w.tenant_id, w.metric_date, count(*) from written as w group by w.tenant_id, w.metric_date
            returning row_count
        )

        select coalesce(sum(c.row_count), 0) from counted as c
    $sql$, p_table, p_table || '_rows') into v_rows;
    return v_rows;
end $$;
