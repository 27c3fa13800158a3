-- What datasets say in words, once for all of them.

-- One thing, or so many: '1 day', '17 days'.
create or replace function dashboard.counted(p_count bigint, p_one text) returns text
language sql immutable parallel safe as $$
    select p_count || ' ' || p_one || case when p_count = 1 then '' else 's' end
$$;

-- Why a flag is up: 'Stuck 17 days in Verbal Commit (expected 5)', 'No contact engaged', 'Silent for 9 days'.
create or replace function dashboard.flag_reason(
    p_flag text, p_days_in_stage float8, p_stage text, p_benchmark float8, p_silent_days int, p_days_until_close int,
    p_engaged_count bigint, p_pushes bigint, p_competitor text, p_competitor_status text, p_discount_pct numeric
) returns text language sql immutable parallel safe as $$
    select case p_flag
        when 'STUCK'
            then 'Stuck ' || dashboard.counted(floor(p_days_in_stage)::int, 'day') || ' in ' || coalesce(p_stage, 'its stage')
                || ' (expected ' || round(p_benchmark) || ')'
        when 'NO_EB' then 'No economic buyer engaged in ' || coalesce(p_stage, 'its stage')
        when 'GOING_DARK' then 'Silent for ' || dashboard.counted(p_silent_days, 'day')
        when 'CLOSE_DATE_PAST' then 'Close date passed ' || dashboard.counted(-p_days_until_close, 'day') || ' ago'
        when 'NO_CHAMPION' then 'No champion'
        when 'SINGLE_THREADED'
            then case p_engaged_count when 0 then 'No contact engaged' when 1 then 'Only one contact engaged'
                else 'Only ' || p_engaged_count || ' contacts engaged' end
        when 'PUSHED' then 'Close date moved out ' || dashboard.counted(p_pushes, 'time')
        when 'COMPETITIVE' then p_competitor || case p_competitor_status when 'active' then ' is active in the deal' else ' is named as a competitor' end
        when 'HEAVY_DISCOUNT' then round(p_discount_pct) || '% discount'
    end
$$;

-- That a deal is due soon: 'Due today', 'Due in 4 days'.
create or replace function dashboard.due(p_days int) returns text language sql immutable parallel safe as $$
    select case when p_days = 0 then 'Due today' else 'Due in ' || dashboard.counted(p_days, 'day') end
$$;

-- What is to be done, where the action alone does not say it: 'Escalate to Mia'; else null.
create or replace function dashboard.task(p_is_escalated boolean, p_manager text, p_is_without_contact boolean)
returns text language sql immutable parallel safe as $$
    select case
        when p_is_escalated then 'Escalate' || coalesce(' to ' || p_manager, '')
        when p_is_without_contact then 'Find a contact, nobody has a role on the deal'
    end
$$;

-- Reasons as a sentence, after what is to be done, if that needs saying:
-- 'Escalate to Mia: stuck 17 days in Proposal (expected 10); due in 4 days'.
create or replace function dashboard.reason(p_task text, p_reasons text[]) returns text
language sql immutable parallel safe as $$
    select coalesce(p_task || case when string_agg(r.reason, '') is null then '' else ': ' end, '') || coalesce(string_agg(
        case
            when (r.place > 1 or p_task is not null) and r.reason ~ '^(Stuck|No|Silent|Close|Only|Due) '
                then lower(left(r.reason, 1)) || substr(r.reason, 2)
            else r.reason
        end, '; ' order by r.place
    ), '')
    from unnest(p_reasons) with ordinality as r (reason, place)
    where r.reason is not null
$$;

-- What costs a deal most health points: '41 days in Proposal (expected 10)', 'no two-way activity yet'.
create or replace function dashboard.top_driver(
    p_component text, p_days_in_stage float8, p_stage text, p_benchmark float8, p_was_active boolean,
    p_silent_days int, p_engaged_count bigint, p_has_champion boolean, p_competitor text, p_competitor_status text,
    p_discount_pct numeric
) returns text language sql immutable parallel safe as $$
    select case p_component
        when 'velocity'
            then dashboard.counted(round(p_days_in_stage)::int, 'day') || ' in ' || coalesce(p_stage, 'its stage')
                || ' (' || coalesce('expected ' || round(p_benchmark), 'no benchmark') || ')'
        when 'activity'
            then case when p_was_active then dashboard.counted(p_silent_days, 'day') || ' since the last two-way activity'
                else 'no two-way activity yet' end
        when 'stakeholder'
            then dashboard.counted(p_engaged_count, 'engaged contact') || case when p_has_champion then '' else ', no champion' end
        when 'competition'
            then p_competitor || case p_competitor_status when 'active' then ' is active in the deal' else ' is named as a competitor' end
        when 'discount' then round(p_discount_pct) || '% discount'
    end
$$;

-- What a delay risks, by how such deals fared: 'Silent deals were won 12 points less often than others in the same
-- stage: $46K of $380K'.
create or replace function dashboard.risk(p_flag text, p_difference numeric, p_amount numeric) returns text
language sql immutable parallel safe as $$
    select case p_flag
        when 'STUCK' then 'Stuck deals' when 'NO_EB' then 'Deals without an engaged economic buyer'
        when 'GOING_DARK' then 'Silent deals' when 'CLOSE_DATE_PAST' then 'Overdue deals'
        when 'NO_CHAMPION' then 'Deals without a champion' when 'SINGLE_THREADED' then 'Single-threaded deals'
        when 'PUSHED' then 'Deals that had been pushed' when 'COMPETITIVE' then 'Deals with a competitor'
        when 'HEAVY_DISCOUNT' then 'Heavily discounted deals'
    end || ' were won ' || dashboard.counted(round(-100 * p_difference)::int, 'point')
    || ' less often than others in the same stage: ' || dashboard.currency(-p_difference * p_amount) || ' of '
    || dashboard.currency(p_amount)
$$;

-- What catching up might bring: '12% win rate improvement potential'.
create or replace function dashboard.potential(p_metric text, p_potential numeric) returns text
language sql immutable parallel safe as $$
    select case
        when p_metric = 'average_discount' then 'comes too late in a deal to drive it'
        when p_potential is null then 'not enough history'
        else dashboard.percent(p_potential) || ' win rate improvement potential'
    end
$$;

-- A rep's figure beside another's: 'Engaged contacts: 1.2, top performers 3.4'.
create or replace function dashboard.beside(p_label text, p_own text, p_whose text, p_other text) returns text
language sql immutable parallel safe as $$
    select p_label || ': ' || p_own || ', ' || p_whose || ' ' || p_other
$$;

-- Where a rep stands: 'Ann stands at 78% of the quota to date (#4/12, On Track). Win rate 31%, 6 points above the rest
-- of the team. 2 deals are stuck ($480K). The team's Q2 2024: forecast $1.1M of $1.2M, risk Medium.'
create or replace function dashboard.assessment(
    p_rep text, p_attainment numeric, p_rank bigint, p_total bigint, p_tier text, p_win_rate numeric,
    p_win_rate_vs_team numeric, p_stuck_count bigint, p_stuck_amount numeric, p_quarter text, p_forecast numeric,
    p_target numeric, p_risk text
) returns text language sql immutable parallel safe as $$
    select coalesce(nullif(concat_ws(
        ' ',
        case
            when p_attainment is not null
                then p_rep || ' stands at ' || dashboard.percent(p_attainment) || ' of the quota to date ('
                    || concat_ws(', ', dashboard.rank(p_rank, p_total), p_tier) || ').'
            when p_rank is not null then p_rep || ' is ranked ' || dashboard.rank(p_rank, p_total) || ' by win rate.'
        end,
        case when p_win_rate is not null then 'Win rate ' || dashboard.percent(p_win_rate) || case sign(round(100 * p_win_rate_vs_team))
            when 0 then ', as much as the rest of the team'
            when 1 then ', ' || dashboard.counted(round(100 * p_win_rate_vs_team)::int, 'point') || ' above the rest of the team'
            when -1 then ', ' || dashboard.counted(round(-100 * p_win_rate_vs_team)::int, 'point') || ' below the rest of the team'
            else ''
        end || '.' end,
        case when p_stuck_count > 0 then dashboard.counted(p_stuck_count, 'deal')
            || case when p_stuck_count = 1 then ' is stuck' else ' are stuck' end
            || case when p_stuck_amount is null then '' else ' (' || dashboard.currency(p_stuck_amount) || ')' end || '.' end,
        'The team''s ' || p_quarter || ': forecast ' || dashboard.currency(p_forecast) || ' of '
        || dashboard.currency(p_target) || ', risk ' || p_risk || '.'
    ), ''), 'There is nothing yet to measure ' || p_rep || ' by.')
$$;
