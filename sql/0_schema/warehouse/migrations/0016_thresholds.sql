-- Thresholds that were numbers within SELECTs: days that are stored were built with these.

alter table if exists staging.thresholds
add column silence_days numeric not null default 21,
add column close_date_days numeric not null default 90,
add column risk_flags_count numeric not null default 4,
add column best_time_attempts int not null default 5,
add column search_errors numeric not null default 2.54,
add column trend_errors numeric not null default 1.96,
add column velocity_change_days numeric not null default 0.5,
add column at_risk_change numeric not null default 0.01,
add column low_activity_share numeric not null default 0.7,
add column low_activity_errors numeric not null default 2.33,
add column potential_deals int not null default 20,
add column potential_own_deals int not null default 10;
alter table if exists staging.thresholds
alter column silence_days drop default,
alter column close_date_days drop default,
alter column risk_flags_count drop default,
alter column best_time_attempts drop default,
alter column search_errors drop default,
alter column trend_errors drop default,
alter column velocity_change_days drop default,
alter column at_risk_change drop default,
alter column low_activity_share drop default,
alter column low_activity_errors drop default,
alter column potential_deals drop default,
alter column potential_own_deals drop default;
