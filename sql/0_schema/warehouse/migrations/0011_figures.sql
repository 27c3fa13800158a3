-- Figures that say nothing where nothing is known.

alter table dashboard.rep_performance_view alter column overall_rank drop not null;
