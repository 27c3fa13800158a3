-- Open deals as they stood at the ends of the Fridays, and again of the months' last days, of business days in
-- [p_first, p_last), and what became of them next: won or lost, on which day. What later days know of outcomes is for the
-- reader to leave out. `deal_group`: ops.win_group; `features`: ops.win_features.
create or replace function ops.deal_sightings(p_tenants text[], p_first date, p_last date)
returns table (
    tenant_id text, opportunity_id text, day date, is_friday boolean, deal_group text[], features jsonb, ended_on date,
    is_won boolean, days_to_win int
) language plpgsql stable rows 100000 as $$
#variable_conflict use_column
begin
    return query
    with lives as (
        select
            i.*,
            min(i.d_from) filter (where i.is_closing and i.status = 'won') over later as won_on,
            min(i.d_from) filter (where i.is_closing and i.status = 'lost') over later as lost_on
        from (
            select s.*, (s.closed_at at time zone (select ops.timezone()))::date = s.d_from as is_closing
            from staging.deal_intervals as s
            where s.tenant_id = any(p_tenants)
        ) as i
        window later as (
            partition by i.tenant_id, i.opportunity_id order by i.d_from rows between 1 following and unbounded following
        )
    ),
    sightings as (
        select
            l.tenant_id,
            l.opportunity_id,
            f.day,
            f.is_friday,
            extract(epoch from e.ends_at - l.stage_entered_at)::float8 / 86400 as days_in_stage,
            extract(epoch from e.ends_at - l.opened_at)::float8 / 86400 as days_open,
            l.visit_number,
            l.pipeline_id,
            l.stage_id,
            ops.forecast_category(l.forecast_category) as category,
            l.close_date,
            l.won_on,
            l.lost_on
        from lives as l
        cross join lateral (select greatest(l.d_from, p_first) as since, least(l.d_to, p_last) as until) as d
        cross join lateral (
            select y.day, true as is_friday from ops.fridays(d.since, d.until) as y (day)
            union all
            select m.day, false from ops.ends_of_months(d.since, d.until) as m (day)
        ) as f
        cross join lateral (select (f.day + 1)::timestamp at time zone (select ops.timezone()) as ends_at) as e
        where l.status = 'open'
    )
    select
        s.tenant_id,
        s.opportunity_id,
        s.day,
        s.is_friday,
        g.deal_group,
        ops.win_features(g.deal_group, s.days_in_stage, s.days_open, s.visit_number),
        least(s.won_on, s.lost_on),
        coalesce(s.won_on < coalesce(s.lost_on, 'infinity'), false),
        case when s.won_on <= coalesce(s.lost_on, 'infinity') then s.won_on - s.day end
    from sightings as s
    cross join lateral (
        select ops.win_group(
            s.pipeline_id, s.stage_id, s.days_in_stage, s.visit_number, s.category, s.close_date, s.day
        ) as deal_group
    ) as g;
end
$$;
