-- A deal's forecast category in this project's words; Pipeline where the source says none of them.
create or replace function ops.forecast_category(p_category text) returns text language sql immutable parallel safe as $$
    select case lower(p_category)
        when 'commit' then 'Commit' when 'forecast' then 'Commit' when 'best case' then 'Best Case'
        when 'bestcase' then 'Best Case' when 'omitted' then 'Omitted' else 'Pipeline'
    end
$$;
