-- What the logistic model said is judged like the rest.
alter table if exists analytics.score_calibration
drop constraint if exists score_calibration_score_check,
add check (score in ('health_score', 'win_rate', 'won_within', 'logistic_within'));
