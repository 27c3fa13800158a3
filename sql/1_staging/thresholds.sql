-- The single numbers of the definitions that held on each day, from sql/reference/thresholds.csv.
--
-- Grain: tenant and day.
-- Key: tenant_id, snapshot_date
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: the business day
--   stall_factor numeric not null: times its benchmark after which a visit counts as stuck
--   critical_factor numeric not null: times its benchmark after which a visit is a bottleneck
--   going_dark_days numeric not null: days of silence after which a deal is going dark
--   single_threaded_contacts numeric not null: engaged contacts up to which a deal hangs on one
--   heavy_discount_pct numeric not null: discount above which it is heavy
--   pushed_times numeric not null: pushes from which a deal counts as pushed
--   champion_bonus int not null: points that a champion adds
--   needs_attention_below numeric not null: health score below which a deal needs attention
--   own_median_visits numeric not null: completed visits from which a tenant's own median can be a benchmark
--   stuck_over_benchmark_days numeric not null: days over its benchmark after which a deal is stuck
--   urgency_critical_score numeric not null: priority from which a deal is CRITICAL
--   urgency_high_score numeric not null: priority from which it is HIGH
--   urgency_medium_score numeric not null: priority from which it is MEDIUM
--   closing_days numeric not null: days before its close date from which a deal is due soon
--   slip_high_factor numeric not null: the slip risk is high with fewer days left than so many times the deviation
--   slip_medium_factor numeric not null: and medium with fewer than so many times
--   escalate_below_health numeric not null: health score below which a big stuck deal is escalated
--   escalate_amount_rank numeric not null: share of the open deals that are worth less from which a deal is big
--   velocity_change_pct numeric not null: change of a mean duration from which it improves or worsens
--   velocity_red_days numeric not null: days over its benchmark after which a stage's mean is red
--   velocity_tolerance numeric not null: share of its benchmark by which a stage's mean may be over it and still be on
--       target
--   top_performer_share numeric not null: share of the reps that count as top performers
--   swing_deals int not null: how many of a quarter's deals, the largest, are listed as those that swing it
--   confidence_quarters int not null: past quarters that it takes to say how far to trust a forecast
--   outcome_deals int not null: deals with a flag, and without it, that it takes to say how such deals fare
--   variants int not null: how many of a pipeline's paths, the most frequent, are listed
--   silence_days numeric not null: days of silence from which a deal's priority counts all of it
--   close_date_days numeric not null: days before its close date from which a deal's priority begins to rise
--   risk_flags_count numeric not null: risk flags from which a deal's priority counts all of them
--   best_time_attempts int not null: calls and emails that it takes to say when somebody is reached
--   search_errors numeric not null: standard errors by which the best of nine must differ to be more than chance
--   trend_errors numeric not null: standard errors by which a mean or share must change to be more than chance
--   velocity_change_days numeric not null: change of a mean duration in days, up to which it is stable
--   at_risk_change numeric not null: change of the share at risk up to which it is stable
--   low_activity_share numeric not null: share of a rep's mean day below which a weekday is low
--   low_activity_errors numeric not null: standard errors by which it must be below, too
--   potential_deals int not null: comparable closed deals that it takes to say what catching up is worth
--   potential_own_deals int not null: closed deals of the rep that it takes, too
--   learn_won int not null: won deals that it takes to learn how likely others are
--   learn_lost int not null: lost deals that it takes, too
--   learn_prior numeric not null: deals that a group must have to count as much as the larger one that it is part of
--   learn_half_life_won int not null: won deals in whose time what was seen comes to count half
--   calibration_deals int not null: ended deals that it takes to judge a score by
--   pace_deals int not null: won deals that it takes to tell a quarter's pace
--   choice_quarters int not null: past quarters that it takes to choose how to forecast
select
    d.tenant_id,
    d.day as snapshot_date,
    max(t.value) filter (where t.name = 'stall_factor') as stall_factor,
    max(t.value) filter (where t.name = 'critical_factor') as critical_factor,
    max(t.value) filter (where t.name = 'going_dark_days') as going_dark_days,
    max(t.value) filter (where t.name = 'single_threaded_contacts') as single_threaded_contacts,
    max(t.value) filter (where t.name = 'heavy_discount_pct') as heavy_discount_pct,
    max(t.value) filter (where t.name = 'pushed_times') as pushed_times,
    max(t.value) filter (where t.name = 'champion_bonus')::int as champion_bonus,
    max(t.value) filter (where t.name = 'needs_attention_below') as needs_attention_below,
    max(t.value) filter (where t.name = 'own_median_visits') as own_median_visits,
    max(t.value) filter (where t.name = 'stuck_over_benchmark_days') as stuck_over_benchmark_days,
    max(t.value) filter (where t.name = 'urgency_critical_score') as urgency_critical_score,
    max(t.value) filter (where t.name = 'urgency_high_score') as urgency_high_score,
    max(t.value) filter (where t.name = 'urgency_medium_score') as urgency_medium_score,
    max(t.value) filter (where t.name = 'closing_days') as closing_days,
    max(t.value) filter (where t.name = 'slip_high_factor') as slip_high_factor,
    max(t.value) filter (where t.name = 'slip_medium_factor') as slip_medium_factor,
    max(t.value) filter (where t.name = 'escalate_below_health') as escalate_below_health,
    max(t.value) filter (where t.name = 'escalate_amount_rank') as escalate_amount_rank,
    max(t.value) filter (where t.name = 'velocity_change_pct') as velocity_change_pct,
    max(t.value) filter (where t.name = 'velocity_red_days') as velocity_red_days,
    max(t.value) filter (where t.name = 'velocity_tolerance') as velocity_tolerance,
    max(t.value) filter (where t.name = 'top_performer_share') as top_performer_share,
    max(t.value) filter (where t.name = 'swing_deals')::int as swing_deals,
    max(t.value) filter (where t.name = 'confidence_quarters')::int as confidence_quarters,
    max(t.value) filter (where t.name = 'outcome_deals')::int as outcome_deals,
    max(t.value) filter (where t.name = 'variants')::int as variants,
    max(t.value) filter (where t.name = 'silence_days') as silence_days,
    max(t.value) filter (where t.name = 'close_date_days') as close_date_days,
    max(t.value) filter (where t.name = 'risk_flags_count') as risk_flags_count,
    max(t.value) filter (where t.name = 'best_time_attempts')::int as best_time_attempts,
    max(t.value) filter (where t.name = 'search_errors') as search_errors,
    max(t.value) filter (where t.name = 'trend_errors') as trend_errors,
    max(t.value) filter (where t.name = 'velocity_change_days') as velocity_change_days,
    max(t.value) filter (where t.name = 'at_risk_change') as at_risk_change,
    max(t.value) filter (where t.name = 'low_activity_share') as low_activity_share,
    max(t.value) filter (where t.name = 'low_activity_errors') as low_activity_errors,
    max(t.value) filter (where t.name = 'potential_deals')::int as potential_deals,
    max(t.value) filter (where t.name = 'potential_own_deals')::int as potential_own_deals,
    max(t.value) filter (where t.name = 'learn_won')::int as learn_won,
    max(t.value) filter (where t.name = 'learn_lost')::int as learn_lost,
    max(t.value) filter (where t.name = 'learn_prior') as learn_prior,
    max(t.value) filter (where t.name = 'learn_half_life_won')::int as learn_half_life_won,
    max(t.value) filter (where t.name = 'calibration_deals')::int as calibration_deals,
    max(t.value) filter (where t.name = 'pace_deals')::int as pace_deals,
    max(t.value) filter (where t.name = 'choice_quarters')::int as choice_quarters
from pg_temp.run_days as d
inner join reference.thresholds as t on d.tenant_id = t.tenant_id and d.day >= t.valid_from and d.day < t.valid_to
group by d.tenant_id, d.day
