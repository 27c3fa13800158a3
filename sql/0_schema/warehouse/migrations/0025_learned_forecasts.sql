-- Thresholds of what is learned from past deals: days that are stored were built without.

alter table if exists staging.thresholds
add column learn_won int not null default 50,
add column learn_lost int not null default 150,
add column learn_prior numeric not null default 10,
add column learn_half_life_won int not null default 150,
add column calibration_deals int not null default 50,
add column pace_deals int not null default 5,
add column choice_quarters int not null default 2;
alter table if exists staging.thresholds
alter column learn_won drop default,
alter column learn_lost drop default,
alter column learn_prior drop default,
alter column learn_half_life_won drop default,
alter column calibration_deals drop default,
alter column pace_deals drop default,
alter column choice_quarters drop default;

-- Forecasts by more methods than one.
alter table if exists analytics.forecast_backtest
drop constraint if exists forecast_backtest_method_check,
add check (method in ('default', 'learned', 'stage_weighted', 'commit', 'closed_so_far', 'run_rate'));
alter table if exists analytics.forecast_confidence
drop constraint if exists forecast_confidence_method_check,
add check (method in ('default', 'learned', 'stage_weighted', 'commit', 'closed_so_far', 'run_rate'));
