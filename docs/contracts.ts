// Rows of GET /api/datasets/{dataset}. Made by `make docs` from the headers of the contracts' SQL files.

/** dashboard.dashboard_kpis. The quarter in one line, at the end of every day, for the day's quarter and the next and every combination of team, segment and region: target, forecast and how far to trust it, commit, won, gap, coverage, risk, and the change in a week, which forecast_history's snapshot of seven days before tells. Grain: tenant, day, quarter, team, segment and region. */
export interface DashboardKpis {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the quarter */
  quarter: string;
  /** All, or a manager's name */
  team_filter: string;
  /** All, a segment, or Unknown */
  segment: string;
  /** All, a region, or Unknown */
  region: string;
  /** All, a manager's id, none or -1 */
  team_id: string;
  /** what is to be sold */
  quarter_target: number | null;
  /** the forecast */
  ai_forecast: number | null;
  /** how far to trust it, 0 to 1; null where nothing can be said */
  ai_forecast_confidence: number | null;
  /** won and open Commit */
  commit_amount: number | null;
  /** won and weighted open Commit, as a share of it; null where negative amounts make it no share */
  commit_confidence: number | null;
  /** won */
  closed_won_amount: number | null;
  /** forecast less target, below 0 when short */
  gap_to_target: number | null;
  /** size of what is short, as a share of the target */
  gap_pct: number | null;
  /** open pipeline of the quarter / target not yet won; null once it is met, or below 0 */
  coverage_ratio: number | null;
  /** Low, Medium, High or Critical */
  risk_level: "Low" | "Medium" | "High" | "Critical" | null;
  /** against the snapshot of seven days before; null if that has none */
  forecast_change_1w: number | null;
  /** the same of commit */
  commit_change_1w: number | null;
  /** open deals of the quarter */
  open_deals_count: number;
  /** what they are worth */
  open_pipeline_amount: number | null;
  /** deals of the quarter without an amount */
  without_amount_count: number;
  /** how it is forecast (analytics.forecast_methods) */
  forecast_method: "default" | "learned" | "stage_weighted" | "commit" | "closed_so_far" | "run_rate" | null;
  /** what the confidence is from, or why there is none: backtest, too few quarters, or next quarter */
  confidence_basis: "backtest" | "too few quarters" | "next quarter" | null;
  /** past quarters that the confidence is from */
  backtest_quarters: number | null;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** dashboard.forecast_history. The forecast of each day's quarter, and of the next, week by week as it was said then: a week's row is what analytics.forecast_confidence said on the week's last day; the running week's is that of the day; later weeks have their target only, in proportion to the days. For every combination of team, segment and region. Grain: tenant, day, quarter, team, segment, region and week. */
export interface ForecastHistory {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day that the row is known as of */
  snapshot_date: string;
  /** the quarter */
  quarter: string;
  /** All, or a manager's name */
  team_filter: string;
  /** All, a segment, or Unknown */
  segment: string;
  /** All, a region, or Unknown */
  region: string;
  /** 1 to 13 */
  week_number: number;
  /** All, a manager's id, none or -1 */
  team_id: string;
  /** last day of the week */
  week_end: string;
  /** the day whose forecast the row holds; null in later weeks */
  as_of_date: string | null;
  /** what is to be sold by the week's end */
  cumulative_target: number | null;
  /** won */
  cumulative_closed: number | null;
  /** won and open Commit */
  cumulative_commit: number | null;
  /** the forecast */
  cumulative_forecast: number | null;
  /** open Commit */
  pipeline_commit: number | null;
  /** open Best Case */
  pipeline_best_case: number | null;
  /** open Commit, Best Case and Pipeline */
  pipeline_total: number | null;
  /** mean health of the open deals */
  avg_pipeline_health: number | null;
  /** how far to trust the forecast, 0 to 1 */
  forecast_confidence: number | null;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** dashboard.health_distribution. The open pipeline by health, at the end of every day: deals due in the day's quarter, in the next, and all open deals (overdue and undated ones included); for every combination of team, segment and region, with the change of the share at risk in a week. Deals of which the source tells too little to judge are counted beside the bands. Grain: tenant, day, quarter (or All), team, segment and region with an open deal; All of them always. */
export interface HealthDistribution {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the quarter, or All */
  quarter: string;
  /** All, or a manager's name */
  team_filter: string;
  /** All, a segment, or Unknown */
  segment: string;
  /** All, a region, or Unknown */
  region: string;
  /** All, a manager's id, none or -1 */
  team_id: string;
  /** deals with a score of 80 or more */
  healthy_count: number;
  /** what they are worth; null if none has an amount */
  healthy_amount: number | null;
  /** their share of the judged deals; null without any */
  healthy_pct: number | null;
  /** deals from 60 to 79 */
  monitor_count: number;
  /** what they are worth */
  monitor_amount: number | null;
  /** their share */
  monitor_pct: number | null;
  /** deals from 40 to 59 */
  at_risk_count: number;
  /** what they are worth */
  at_risk_amount: number | null;
  /** their share */
  at_risk_pct: number | null;
  /** deals below 40 */
  critical_count: number;
  /** what they are worth */
  critical_amount: number | null;
  /** their share */
  critical_pct: number | null;
  /** at_risk_pct less that of seven days before */
  at_risk_change_1w: number | null;
  /** improving, stable or worsening, by that change */
  trend_direction: "improving" | "stable" | "worsening" | null;
  /** open deals */
  deals_count: number;
  /** those without a score */
  unjudged_count: number;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** dashboard.next_best_actions. What every rep should do next, at the end of every day: the ten open deals that need it most (with a risk flag, or due soon; analytics.deal_priorities), whom to speak to, why, and when that contact (else, the rep's contacts) answers calls and emails most often. Grain: tenant, day, rep and action, at most ten a rep. */
export interface NextBestActions {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the same for the same deal, action and day */
  action_id: string;
  /** the rep */
  rep_id: string;
  /** the deal */
  opportunity_id: string;
  /** the customer; a dash if nobody said */
  account_name: string;
  /** whom to speak to: somebody with a role on the deal; null if nobody has one */
  contact_name: string | null;
  /** the contact's role */
  contact_role: string | null;
  /** call, email, meeting or task; an escalation is a task */
  action_type: "call" | "email" | "meeting" | "task";
  /** why, in words, worst risk flag first */
  action_reason: string;
  /** 0 to 100 */
  priority_score: number;
  /** 1 for the rep's most important */
  priority_rank: number;
  /** when to, in business time; null where no two hours are clearly better than the others */
  best_time_start: string | null;
  /** two hours later */
  best_time_end: string | null;
  /** today, this_week or soon: CRITICAL deals today, as many as the rep does on a day; HIGH ones this week */
  urgency: "today" | "this_week" | "soon";
  /** what the deal is worth; null if nobody said */
  deal_amount: number | null;
  /** its health */
  deal_health: number | null;
  /** calendar days since the last two-way activity, or since its creation if there was none */
  days_since_contact: number;
  /** what a delay risks, by how such deals fared, in words; null where the past does not tell */
  risk_if_delayed: string | null;
  /** the action as a mark */
  action_icon: "📞" | "📧" | "📅" | "✅";
  /** the best time for people; any time if none is clearly better; a dash with too few attempts to tell */
  time_display: string;
  /** the deal's name; its id if nobody said */
  opportunity_name: string;
  /** the contact */
  contact_id: string | null;
  /** what is wrong, worst first */
  risk_flags: ("STUCK" | "NO_EB" | "GOING_DARK" | "CLOSE_DATE_PAST" | "NO_CHAMPION" | "SINGLE_THREADED" | "PUSHED" | "COMPETITIVE" | "HEAVY_DISCOUNT")[];
  /** (100 - health) / 100 */
  health_factor: number | null;
  /** days since contact / 21, at most 1 */
  silence_factor: number | null;
  /** share of the tenant's open deals that would add no more to the forecast if all were healthy */
  amount_factor: number | null;
  /** 1 less the days to the close date / 90; 1 once it has passed */
  close_date_factor: number | null;
  /** flags / 4, at most 1 */
  risk_flags_factor: number;
  /** contact or rep: whose answers the best time is from */
  best_time_basis: "contact" | "rep" | null;
  /** how many calls and emails those answers are of */
  best_time_samples: number | null;
  /** when the deal is to close */
  close_date: string | null;
  /** quarter of that date */
  quarter: string | null;
  /** the rep's manager; none without one */
  team_id: string;
  /** the manager's name */
  manager_name: string;
  /** segment */
  segment: string | null;
  /** region */
  region: string | null;
  /** CRITICAL, HIGH, MEDIUM or LOW, as in analytics.deal_priorities */
  deal_urgency: "CRITICAL" | "HIGH" | "MEDIUM" | "LOW" | null;
  /** what it would add to the forecast if it were healthy, less what it adds; null without an amount */
  amount_at_stake: number | null;
  /** the amount times the share by which deals with the flag of risk_basis were won less often than others */
  risk_amount: number | null;
  /** the deal's worst flag that such a share is known of: analytics.flag_outcomes */
  risk_basis: "STUCK" | "NO_EB" | "GOING_DARK" | "CLOSE_DATE_PAST" | "NO_CHAMPION" | "SINGLE_THREADED" | "PUSHED" | "COMPETITIVE" | "HEAVY_DISCOUNT" | null;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** dashboard.rep_activity_metrics. What every active rep did, at the end of every day: activities of the last 30 days, of the last 7 and of the day. Means are per working day, Monday to Friday. Grain: tenant, day, active rep and period. */
export interface RepActivityMetrics {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the rep */
  rep_id: string;
  /** 30d, 7d or today */
  period: "30d" | "7d" | "today";
  /** calls, emails, meetings, demos, tasks, and what the source calls otherwise */
  total_activities: number;
  /** calls */
  call_count: number;
  /** emails */
  email_count: number;
  /** meetings */
  meeting_count: number;
  /** demos */
  demo_count: number;
  /** total per working day of the period; null without one */
  avg_daily_activities: number | null;
  /** the same, mean of the team's active reps */
  team_avg_daily: number | null;
  /** the same, mean of the top performers */
  top_performer_daily: number | null;
  /** mean of the period's Mondays; null without one */
  monday_avg: number | null;
  /** mean of its Tuesdays */
  tuesday_avg: number | null;
  /** mean of its Wednesdays */
  wednesday_avg: number | null;
  /** mean of its Thursdays */
  thursday_avg: number | null;
  /** mean of its Fridays */
  friday_avg: number | null;
  /** weekdays whose mean is below that of all working days, by a share (thresholds) and by more than chance gives */
  low_activity_days: ("Monday" | "Tuesday" | "Wednesday" | "Thursday" | "Friday")[];
  /** 1 less the standard deviation over the mean of the working days, at least 0 */
  activity_consistency_score: number | null;
  /** working days in the period */
  working_days_count: number;
  /** the manager's id; none without one */
  team_id: string;
  /** the manager's name */
  manager_name: string;
  /** segment */
  segment: string | null;
  /** region */
  region: string | null;
  /** tasks, and what the source calls otherwise */
  other_count: number;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** dashboard.rep_driver_comparison. What each active rep does beside the top performers and the team, at the end of every day, from the deals they have open; and what catching up might be worth: of closed deals, the win rate of those that do as well as the top performers' do on average, less that of the rep's. Both are of the closed deals of the last 365 days that got at least as far as half of them, as they stood on the day of their closing: a deal that was lost early had no time to engage anybody. A discount comes late in a deal and is no driver of it. Grain: tenant, day, active rep and metric. */
export interface RepDriverComparison {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the rep */
  rep_id: string;
  /** what is measured, as in analytics.rep_drivers */
  metric_name: "stakeholders_engaged" | "days_to_first_meeting" | "champion_identified_rate" | "economic_buyer_engaged_rate" | "activities_per_deal_week" | "average_discount";
  /** the same in words */
  metric_label: string;
  /** the rep's value */
  rep_value: number;
  /** that of the top performers, pooled over their deals; null without one */
  top_performer_value: number | null;
  /** that of the team */
  team_avg_value: number | null;
  /** decimal, percent or days */
  format_type: "decimal" | "percent" | "days";
  /** higher or lower */
  good_direction: "higher" | "lower";
  /** how far the rep is behind the top performers, above 0 when behind */
  gap_to_top: number | null;
  /** the same as a share of their value */
  gap_pct: number | null;
  /** what catching up might add to the win rate, in words */
  gap_impact: string;
  /** the largest value of the metric on the day, for drawing */
  bar_max: number;
  /** the rep's value as percent of it */
  rep_bar_pct: number | null;
  /** the top performers' value as percent of it */
  top_bar_pct: number | null;
  /** open deals that the rep's value is of */
  deals_count: number;
  /** closed deals that do as well as the top performers' on average */
  closed_deals_count: number;
  /** win rate of those */
  closed_win_rate: number | null;
  /** the manager's id; none without one */
  team_id: string;
  /** the manager's name */
  manager_name: string;
  /** segment */
  segment: string | null;
  /** region */
  region: string | null;
  /** what catching up might add to the win rate; 0 if nothing; null with too few deals to tell */
  win_rate_potential: number | null;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** dashboard.rep_performance_view. Every active rep's standing, at the end of every day, beside the team and the quarter before. Grain: tenant, day and active rep. */
export interface RepPerformanceView {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the rep */
  rep_id: string;
  /** name, for people */
  rep_name: string;
  /** the manager's name; No manager without one */
  manager_name: string;
  /** region */
  region: string | null;
  /** segment */
  segment: string | null;
  /** won in the fiscal year to date as a share of the quota for it */
  ytd_attainment: number | null;
  /** the same for people */
  ytd_attainment_display: string;
  /** won / (won + lost) of the last 365 days, by count */
  win_rate: number | null;
  /** mean amount of the won deals */
  avg_deal_size: number | null;
  /** mean elapsed days from creation to winning */
  avg_sales_cycle_days: number | null;
  /** 1 for the best; null without a figure to rank by */
  overall_rank: number | null;
  /** how many are ranked */
  total_reps: number;
  /** the two for people; a dash without a rank */
  rank_display: string;
  /** places moved up since the end of the quarter before */
  rank_change_qoq: number | null;
  /** the team's win rate, pooled over its deals */
  team_avg_win_rate: number | null;
  /** the team's mean deal size */
  team_avg_deal_size: number | null;
  /** the team's mean cycle, days */
  team_avg_cycle: number | null;
  /** rep less the rest of the team */
  win_rate_vs_team: number | null;
  /** the same for people */
  win_rate_vs_team_display: string;
  /** rep less the rest of the team, days */
  cycle_vs_team: number | null;
  /** against the end of the quarter before */
  attainment_change_qoq: number | null;
  /** against the end of the quarter before */
  win_rate_change_qoq: number | null;
  /** Top Performer, On Track, Needs Improvement or At Risk; null without a quota */
  performance_tier: "Top Performer" | "On Track" | "Needs Improvement" | "At Risk" | null;
  /** the manager's id; none without one */
  team_id: string;
  /** the quota for the fiscal year's days up to this one */
  quota_to_date: number | null;
  /** what was won in them */
  won_amount_to_date: number | null;
  /** won deals of the last 365 days */
  won_count: number;
  /** lost deals of the last 365 days */
  lost_count: number;
  /** bookings of the quarter as a share of its quota */
  quarter_attainment: number | null;
  /** whether the rep belongs to the top quartile by attainment */
  is_top_performer: boolean;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** dashboard.stage_velocity. How long deals stay in each stage, at the end of every day, for every combination of team, segment and region. Grain: tenant, day, pipeline, stage, team, segment and region. */
export interface StageVelocity {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the pipeline */
  pipeline_id: string;
  /** the stage */
  stage_id: string;
  /** All, or a manager's name */
  team_filter: string;
  /** All, a segment, or Unknown */
  segment: string;
  /** All, a region, or Unknown */
  region: string;
  /** All, a manager's id, none or -1 */
  team_id: string;
  /** its name on the day */
  stage_name: string;
  /** its place on the day */
  stage_order: number | null;
  /** mean of the visits completed in the 90 days up to the day */
  avg_duration_days: number | null;
  /** their median */
  median_duration_days: number | null;
  /** days that a visit should take */
  benchmark_days: number | null;
  /** mean less benchmark */
  deviation_days: number | null;
  /** change of the mean against the 90 days before those, as a share */
  duration_change_pct: number | null;
  /** improving, stable or worsening */
  trend_direction: "improving" | "stable" | "worsening" | null;
  /** share of the completed visits that ended forward or won */
  conversion_rate: number | null;
  /** open deals in the stage */
  deals_in_stage: number;
  /** what they are worth */
  amount_in_stage: number | null;
  /** green, yellow or red */
  status_indicator: "green" | "yellow" | "red" | null;
  /** change of the mean in days, for people */
  trend_display: string;
  /** visits that the figures are of */
  completed_count: number;
  /** visits in the 90 days before */
  previous_completed_count: number;
  /** change of the mean, days */
  duration_change_days: number | null;
  /** median of the elapsed days that the open deals have been in the stage */
  median_current_age_days: number | null;
  /** their 90th percentile */
  p90_current_age_days: number | null;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** dashboard.stuck_deals_view. Open deals that stand too long in their stage, at the end of every day: how urgent, what is wrong, what to do with whom. Grain: tenant, day and stuck deal. */
export interface StuckDealsView {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the deal */
  opportunity_id: string;
  /** the customer; a dash if nobody said */
  account_name: string;
  /** the deal's name; its id if nobody said */
  opportunity_name: string;
  /** who owned it; Unassigned if nobody */
  owner_name: string;
  /** what it is worth; null if nobody said */
  amount: number | null;
  /** its stage */
  stage_name: string;
  /** elapsed days since it came into the stage */
  days_in_stage: number;
  /** its health */
  health_score: number | null;
  /** when it is to close */
  close_date: string | null;
  /** CRITICAL, HIGH, MEDIUM or LOW */
  urgency: "CRITICAL" | "HIGH" | "MEDIUM" | "LOW";
  /** what is wrong, worst first */
  risk_flags: ("STUCK" | "NO_EB" | "GOING_DARK" | "CLOSE_DATE_PAST" | "NO_CHAMPION" | "SINGLE_THREADED" | "PUSHED" | "COMPETITIVE" | "HEAVY_DISCOUNT")[];
  /** the same in words */
  risk_flags_display: string;
  /** calendar days to the close date; negative once it has passed */
  days_until_close: number | null;
  /** HIGH, MEDIUM or LOW; null without a close date */
  slip_risk: "HIGH" | "MEDIUM" | "LOW" | null;
  /** call, email, meeting or escalate */
  primary_action: "call" | "email" | "meeting" | "escalate";
  /** with whom: economic buyer, champion, or who was active last; escalated to: the manager; else null */
  action_target: string | null;
  /** why, in words */
  action_reason: string;
  /** the urgency as a mark */
  urgency_icon: "🔴" | "🟠" | "🟡" | "🟢";
  /** the amount for people */
  amount_display: string;
  /** the owner; -1 if nobody */
  owner_id: string;
  /** the owner's manager; none or -1 */
  team_id: string;
  /** the manager's name */
  team_filter: string;
  /** the account's segment; the owner's where nobody said */
  segment: string | null;
  /** the owner's region */
  region: string | null;
  /** quarter of the close date; null without one */
  quarter: string | null;
  /** days that a visit should take */
  benchmark_days: number;
  /** days over that */
  deviation_days: number;
  /** the stage */
  stage_id: string;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** ai.action_outcomes. What became of next best actions, on the last day of every week (of the quarter) for those of four weeks before: whether each was taken within two weeks (an activity of its kind on the deal, with its contact if it names one), where the deal stands now, and how deals fared that were given the same kind of action, those that took it beside those that did not. It shows what happened; that the action caused it does not follow. Other days have no rows. Grain: tenant, last day of a week, rep and action of four weeks before. */
export interface ActionOutcomes {
  /** company the row belongs to */
  tenant_id: string;
  /** last day of the week */
  snapshot_date: string;
  /** the action, as in dashboard.next_best_actions */
  action_id: string;
  /** the day that it was said on */
  said_on: string;
  /** whom it was said to */
  rep_id: string;
  /** the deal */
  opportunity_id: string;
  /** the kind of action */
  action_type: "call" | "email" | "meeting" | "task";
  /** its urgency */
  urgency: "today" | "this_week" | "soon";
  /** whom to speak to, if it named somebody */
  contact_id: string | null;
  /** whether it was taken within two weeks */
  is_taken: boolean;
  /** on which day first */
  taken_on: string | null;
  /** where the deal stands now; gone if it was deleted or merged */
  deal_status: "open" | "won" | "lost" | "gone";
  /** whether an open deal stands in another stage than then */
  has_moved: boolean | null;
  /** deals with that kind of action that took it, this one included */
  alike_taken_count: number;
  /** those of them that are won now */
  alike_taken_won_count: number;
  /** those of them that are lost now */
  alike_taken_lost_count: number;
  /** deals with that kind of action that did not take it */
  alike_others_count: number;
  /** those of them that are won now */
  alike_others_won_count: number;
  /** those of them that are lost now */
  alike_others_lost_count: number;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the text was generated */
  generated_at: string;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** ai.coaching_inputs. What can be said about every active rep from the day's dashboards: all figures, and the template text made of them: strengths and improvements by what the rep does beside the team and the top performers (improvements by what they could bring, with enough deals to tell), the three most important deals. The focus is set at a week's end, and stays for the week after it. Grain: tenant, day and active rep. */
export interface CoachingInputs {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the rep */
  rep_id: string;
  /** every figure that a text about the rep may cite */
  inputs: unknown;
  /** at most three: title, detail, metric_value, metric_comparison */
  strengths: unknown;
  /** at most three: title, detail, gap_value, impact_estimate, suggested_action */
  improvements: unknown;
  /** at most three: deal_name, deal_amount, action, reason, deadline */
  priority_actions: unknown;
  /** where the rep stands, in words */
  overall_assessment: string;
  /** what to work on first: the best improvement as of the last week's end, else urgent deals */
  primary_focus_area: string;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the text was generated */
  generated_at: string;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** ai.insight_outcomes. What became of coaching, on the last day of every week (of the quarter) for what was said four weeks before: of each improvement that a rep was told, whether the rep's figure has since moved towards the top performers' by a quarter of the gap or more; of a focus on urgent deals, whether half of the actions that the rep was given then were taken (ai.action_outcomes); what the rep has won and lost since, and how those fared who were told the same and followed it so, beside those who did not. It shows what happened; that the coaching caused it does not follow. Other days have no rows. Grain: tenant, last day of a week, rep and improvement told four weeks before; and the focus, where it is none. */
export interface InsightOutcomes {
  /** company the row belongs to */
  tenant_id: string;
  /** last day of the week */
  snapshot_date: string;
  /** whom it was said to */
  rep_id: string;
  /** its place among the rep's improvements; 0 for a focus that is none */
  insight_number: number;
  /** the day that it was said on */
  said_on: string;
  /** template-1, or the name of the model that said it */
  model_version: string;
  /** what was to be improved */
  title: string;
  /** what was to be done */
  suggested_action: string | null;
  /** whether it was what to work on first */
  is_focus: boolean;
  /** the figure that it names, as in dashboard.rep_driver_comparison; urgent_deals; null if it names none */
  metric_name: string | null;
  /** the rep's figure when it was said */
  value_then: number | null;
  /** how far it was behind the top performers' */
  gap_then: number | null;
  /** the rep's figure now; null without open deals */
  value_now: number | null;
  /** share of that gap by which the figure has moved in the right direction; below 0 if it went the other way, above 1 if beyond */
  gap_closed_pct: number | null;
  /** of urgent_deals: actions that the rep was given then */
  actions_count: number | null;
  /** those of them that were taken within two weeks */
  actions_taken_count: number | null;
  /** whether a quarter of the gap or more was closed, or half of the actions were taken; null where it cannot be told */
  is_followed: boolean | null;
  /** deals credited to the rep that were won since and still are */
  won_count: number;
  /** those that were lost since and still are */
  lost_count: number;
  /** reps told the same who followed it, this one included */
  alike_followed_count: number;
  /** what they have won since */
  alike_followed_won_count: number;
  /** what they have lost since */
  alike_followed_lost_count: number;
  /** reps told the same who did not */
  alike_others_count: number;
  /** what they have won since */
  alike_others_won_count: number;
  /** what they have lost since */
  alike_others_lost_count: number;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the text was generated */
  generated_at: string;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}

/** ai.rep_coaching_insights. Coaching for every active rep, at the end of every day: a language model's text where one is set up, it fits the contract and every figure that it cites is the rep's; else the template's, with the reason. Grain: tenant, day and active rep. */
export interface RepCoachingInsights {
  /** company the row belongs to */
  tenant_id: string;
  /** the business day */
  snapshot_date: string;
  /** the rep */
  rep_id: string;
  /** template-1, or the model's name */
  model_version: string;
  /** at most three: title, detail, metric_value, metric_comparison */
  strengths: unknown;
  /** at most three: title, detail, gap_value, impact_estimate, suggested_action */
  improvements: unknown;
  /** at most three: deal_name, deal_amount, action, reason, deadline */
  priority_actions: unknown;
  /** where the rep stands, in words */
  overall_assessment: string;
  /** what to work on first */
  primary_focus_area: string;
  /** hash of the figures that the text is from */
  inputs_sha256: string;
  /** hash of what the model was asked; null without one */
  prompt_sha256: string | null;
  /** why the template took the model's place; null if it did not */
  fallback_reason: string | null;
  /** number of the newest load that the run could see */
  known_as_of: number;
  /** when the newest load of the tenant that the run could see had finished */
  data_freshness: string | null;
  /** when the text was generated */
  generated_at: string;
  /** when the row's day was first built */
  created_at: string;
  /** when the row was written */
  updated_at: string;
}
