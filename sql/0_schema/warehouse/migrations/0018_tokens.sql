-- Who may ask the API.

create table ops.api_tokens (
    token_id bigint generated always as identity primary key,
    name text not null,
    sha256 text not null unique,
    role text not null check (role in ('reader', 'admin')),
    tenant_id text,
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz
);
comment on table ops.api_tokens is 'Grain: token of the API. The token itself is shown once, when it is made, and stored nowhere.';
comment on column ops.api_tokens.tenant_id is 'The only company that it may read; null: every one.';
