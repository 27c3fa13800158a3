-- What the components of health would weigh if they were learned, beside what they weigh: on a month's last day, of
-- the deals that ended in the :window up to it, as they stood at the last end of a week 30 days or more before. Nothing
-- uses them: who wants to, copies them into sql/reference/health_weights.csv, from a day on. Optional: it takes scikit-
-- learn, 50 won and 150 lost deals (thresholds); without them there are no rows. Other days have none.
--
-- Window: 365 days
-- Grain: tenant, last day of a month and component that the source tells something about.
-- Key: tenant_id, snapshot_date, component
-- Columns:
--   tenant_id text not null: company the row belongs to
--   snapshot_date date not null: last day of the month
--   component text not null, one of velocity, activity, stakeholder, competition, discount: the component
--   weight numeric(5, 4) not null, 0 to 1: share that ranks these deals best, none below 0; all 0 if none tells won
--       from lost
--   current_weight numeric(5, 4) not null, 0 to 1: share that it has, of the components with a row
--   deals_count bigint not null: deals that ended
--   won_count bigint not null: those of them that were won
--   held_out_count bigint not null: those of them that ended in the last 91 days
--   learned_auc numeric(7, 6), 0 to 1: of those: probability that a won deal ranks above a lost one, by weights learned
--       from the others; null if all were won, or all lost
--   current_auc numeric(7, 6), 0 to 1: the same by their health
select
    f.tenant_id,
    f.day as snapshot_date,
    f.component,
    f.weight,
    round(c.weight / nullif(sum(c.weight) over (partition by f.tenant_id, f.day), 0), 4) as current_weight,
    f.deals_count,
    f.won_count,
    f.held_out_count,
    f.learned_auc,
    f.current_auc
from pg_temp.fitted_weights as f
inner join enriched.health_rules as r on f.tenant_id = r.tenant_id and f.day = r.snapshot_date
cross join
    lateral (
        select case f.component
            when 'velocity' then r.velocity_weight
            when 'activity' then r.activity_weight
            when 'stakeholder' then r.stakeholder_weight
            when 'competition' then r.competition_weight
            else r.discount_weight
        end::numeric as weight
    ) as c
