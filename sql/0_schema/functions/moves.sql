-- The one rule of what moves make of a deal, for every reading of the log (docs/definitions.md).

-- Open, won or lost after a change; null for what is no move: entering a stage (with the outcome that it then had), a status,
-- or, where the source has no lost stage, a loss reason.
create or replace function move_outcome(p_field text, p_value text, p_stage_outcome text, p_has_lost_stage boolean) returns text
language sql immutable parallel safe as $$
    select case
        when p_field = 'stage_id' then coalesce(p_stage_outcome, 'open')
        when p_field = 'status' and p_value in ('open', 'won', 'lost') then p_value
        when p_field = 'loss_reason' and p_value is not null and not p_has_lost_stage then 'lost'
    end
$$;

-- Since when the current version of its record closes a deal otherwise than its last move did; null where it does not: where
-- it is older than that move, says the same, or says that the deal is open.
create or replace function closed_by_record(
    p_outcome text, p_valid_from timestamptz, p_said_at timestamptz, p_last_outcome text, p_last_at timestamptz
) returns timestamptz language sql immutable parallel safe as $$
    select case
        when p_outcome <> 'open' and p_outcome <> p_last_outcome and p_valid_from >= p_last_at
            then greatest(p_said_at, p_last_at)
    end
$$;
