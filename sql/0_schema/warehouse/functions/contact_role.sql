-- A contact's role on a deal in this project's words, where it has one for it; else as the source calls it.
create or replace function ops.contact_role(p_role text) returns text language sql immutable parallel safe as $$
    select case
        when lower(p_role) in ('economic buyer', 'economic decision maker') then 'Economic Buyer'
        when lower(p_role) = 'champion' then 'Champion'
        else p_role
    end
$$;
