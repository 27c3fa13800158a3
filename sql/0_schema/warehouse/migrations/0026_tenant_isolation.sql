-- Who reads whose rows.

create table ops.tenant_grants (
    role regrole not null,
    tenant_id text not null check (tenant_id = '*' or tenant_id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    granted_by name not null default session_user,
    granted_at timestamptz not null default clock_timestamp(),
    primary key (role, tenant_id)
);
comment on table ops.tenant_grants is
'Grain: role and company whose rows its members read; *: every company. `revops tenant grant` writes it.';
comment on column ops.tenant_grants.role is 'A login, or a role that logins are members of; one made anew under an old name has no grants.';

create table ops.seal_secret (
    secret bytea not null default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
    only_row boolean primary key default true check (only_row)
);
comment on table ops.seal_secret is 'What ops.seal() is made with; whoever reads it reads every company.';
insert into ops.seal_secret default values;
