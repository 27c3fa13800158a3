-- Figures that say nothing where nothing is known.

alter table dashboard.rep_performance_view alter column overall_rank drop not null;

alter table staging.thresholds add column confidence_quarters int not null default 3;
alter table staging.thresholds alter column confidence_quarters drop default;

update analytics.forecast_confidence set ai_forecast_confidence = null, confidence_basis = 'too few quarters'
where confidence_basis = 'weighted to unweighted';
update dashboard.dashboard_kpis set ai_forecast_confidence = null, confidence_basis = 'too few quarters'
where confidence_basis = 'weighted to unweighted';
alter table analytics.forecast_confidence drop constraint forecast_confidence_confidence_basis_check;
alter table analytics.forecast_confidence add constraint forecast_confidence_confidence_basis_check
check (confidence_basis in ('backtest', 'too few quarters', 'next quarter'));
