-- What people say the quarter will bring.

select crm.define_table('forecast_calls', 'call_id', $$
    rep_id text,
    submitted_by text,
    kind text check (kind in ('call', 'override')),
    category text,
    period_start date,
    amount numeric(14, 2),
    currency text,
    includes_won boolean,
    submitted_at timestamptz,
    note text
$$, 'submitted_at', true, 'What somebody called that a rep''s period will bring: one row per submission; a later one takes its place.');
comment on constraint forecast_calls_versions_kind_check on crm.forecast_calls_versions is 'must be call or override';
comment on constraint forecast_calls_versions_call_id_check on crm.forecast_calls_versions is 'must have between 1 and 512 characters';
