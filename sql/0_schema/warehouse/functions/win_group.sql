-- The group of deals that one is likened to, from coarse to fine: pipeline, stage, time in it, visit, forecast category,
-- time to the close date. Its first elements are the larger groups that it is part of.
create or replace function ops.win_group(
    p_pipeline text, p_stage text, p_days_in_stage float8, p_visit bigint, p_category text, p_close_date date, p_day date
) returns text[] language sql immutable parallel safe as $$
    select case when p_stage is null then array[p_pipeline] else array[
        p_pipeline,
        p_stage,
        (array['under 1 day', '1 to 3 days', '3 to 7 days', '7 to 14 days', '14 to 30 days', '30 to 60 days', '60 days or more'])[
            width_bucket(p_days_in_stage, array[1, 3, 7, 14, 30, 60]::float8[]) + 1
        ],
        'visit ' || case when p_visit < 9 then p_visit::text else '9 or later' end,
        p_category,
        case
            when p_close_date is null then 'no close date'
            when p_close_date <= p_day then 'overdue'
            when p_close_date <= p_day + 30 then 'due in 30 days'
            when p_close_date <= p_day + 60 then 'due in 60 days'
            when p_close_date <= p_day + 90 then 'due in 90 days'
            else 'due later'
        end
    ] end
$$;

-- The days by which probabilities are known.
create or replace function ops.win_horizons() returns int[] language sql immutable parallel safe as
'select array[7, 14, 21, 30, 45, 60, 75, 90]';

-- Probability of being won within so many days, from those by each of ops.win_horizons(): between two of them in proportion
-- to the days, beyond the last as by the last.
create or replace function ops.won_within(p_probabilities float8[], p_days int) returns float8
language sql immutable parallel safe as $$
    select case
        when h.place = 0 then p_probabilities[1] * greatest(p_days, 0) / h.days[1]
        when h.place = cardinality(h.days) then p_probabilities[h.place]
        else p_probabilities[h.place] + (p_probabilities[h.place + 1] - p_probabilities[h.place])
            * (p_days - h.days[h.place]) / (h.days[h.place + 1] - h.days[h.place])
    end
    from (select ops.win_horizons() as days, width_bucket(p_days, ops.win_horizons()) as place) as h
$$;

-- Student's t for so many past errors: nine cases of ten lie below it, so that four of five lie between it and its
-- negative.
create or replace function ops.student_t(p_errors bigint) returns numeric language sql immutable parallel safe as
'select (array[3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397])[least(p_errors, 8)]';

-- Bounds of a share that was seen in so many trials (Wilson's score interval), p_errors standard errors to each side.
create or replace function ops.wilson(p_share float8, p_trials float8, p_errors float8) returns float8[]
language sql immutable parallel safe as $$
    select array[m.middle - m.half, m.middle + m.half]
    from (
        select
            (p_share + p_errors * p_errors / (2 * p_trials)) / (1 + p_errors * p_errors / p_trials) as middle,
            p_errors / (1 + p_errors * p_errors / p_trials)
            * sqrt(p_share * (1 - p_share) / p_trials + p_errors * p_errors / (4 * p_trials * p_trials)) as half
    ) as m
$$;

-- The feature that says in which stage a deal is.
create or replace function ops.stage_feature(p_stage text) returns text language sql immutable parallel safe as
$$select 'stage ' || p_stage$$;

-- What the logistic model goes by, from a deal's group (ops.win_group), the elapsed days in its stage and since it was
-- created, and which visit it is: by name. Without a stage, null.
create or replace function ops.win_features(
    p_deal_group text[], p_days_in_stage float8, p_days_open float8, p_visit bigint
) returns jsonb language sql immutable parallel safe as $$
    select case when cardinality(p_deal_group) > 1 then jsonb_build_object(
        ops.stage_feature(p_deal_group[2]), 1,
        ops.stage_feature(p_deal_group[2]) || ' x ln(1 + days in stage)', ln(1 + p_days_in_stage),
        ops.stage_feature(p_deal_group[2]) || ' x ln(1 + days in stage) squared', ln(1 + p_days_in_stage) ^ 2,
        'ln(1 + days open)', ln(1 + p_days_open),
        'visit', least(p_visit, 9),
        'category ' || p_deal_group[5], 1,
        'close date: ' || p_deal_group[6], 1
    ) end
$$;
