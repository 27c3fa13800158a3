-- One word: a deal's spans in its stages are numbered; visits are what reports count.
do $$
begin
    if exists (
        select from pg_attribute
        where attrelid = to_regclass('staging.deal_visits') and attname = 'stay_number' and not attisdropped
    ) then
        alter table staging.deal_visits rename column stay_number to span_number;
    end if;
end $$;
