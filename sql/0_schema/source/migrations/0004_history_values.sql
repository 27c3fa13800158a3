-- A change of a typed field must carry a value of that type: a change that does not is set aside by the merge, so that
-- every past state can be read without a cast that fails.

create function crm.is_date(p_text text) returns boolean language sql immutable parallel safe as $$
    select p_text ~ '^\d{4}-(02-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(0[1-9]|[12]\d|30)|(0[13578]|1[02])-31)$'
        or p_text ~ '^(\d\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29$'
$$;
comment on function crm.is_date is 'Whether a text is a calendar day of the form YYYY-MM-DD.';

create function crm.fits_opportunity(p_field text, p_value text) returns boolean language sql immutable parallel safe as $$
    select case
        when p_value is null then true
        when p_field in ('amount', 'probability', 'discount_pct') then p_value ~ '^[+-]?\d{1,12}(\.\d{0,20})?$'
        when p_field = 'close_date' then crm.is_date(p_value)
        when p_field = 'competitor_status' then p_value in ('named', 'active')
        else true
    end
$$;
comment on function crm.fits_opportunity is 'Whether a value from the change log can be a value of that column of crm.opportunities.';

alter table crm.opportunity_history_versions
add constraint values_fit_their_field
check (crm.fits_opportunity(field, old_value) and crm.fits_opportunity(field, new_value)) not valid;

-- Past states of one deal are read from both parts of its versions.
create index on crm.opportunity_history_superseded (tenant_id, opportunity_id);
create index on crm.activities_superseded (tenant_id, opportunity_id);
