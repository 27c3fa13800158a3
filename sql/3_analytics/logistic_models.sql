-- A second way to tell how likely deals are to be won: a logistic model for each number of days, fitted on a month's
-- last day to the company's deals as they stood at the ends of the Fridays of the :window whose outcome was known by
-- then. Optional: it takes scikit-learn, 50 won and 150 other deals (thresholds); without them there are no rows. Other
-- days have none.
--
-- Window: 365 days
-- Grain: tenant, last day of a month, days within which a deal is won, and feature.
-- Key: tenant_id, snapshot_date, horizon_days, feature
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the month, which it was fitted on
--   horizon_days int not null, one of 30, 60, 90: days within which a deal is won
--   feature text not null: what it goes by (ops.win_features), or intercept
--   coefficient numeric(14, 6) not null: log odds for each unit of it
--   examples_count bigint not null: deals as they stood on Fridays that it was fitted to
--   deals_count bigint not null: the deals among them
--   won_count bigint not null: those of them that were won within the days of a Friday
select
    f.tenant_id,
    f.day as snapshot_date,
    f.horizon_days,
    f.feature,
    f.coefficient,
    f.examples_count,
    f.deals_count,
    f.won_count
from pg_temp.fitted_coefficients as f
