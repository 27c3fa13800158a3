-- Exports of the landing zone: which were loaded, and which are set aside for good.

create table crm.exports (
    tenant_id text not null,
    sha256 text not null,
    directory text not null,
    status text not null check (status in ('loaded', 'set aside')),
    load_id bigint references crm.loads,
    error text,
    noted_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, sha256),
    check ((status = 'loaded') = (load_id is not null)),
    check ((status = 'set aside') = (error is not null))
);
comment on table crm.exports is
'One row per export with a manifest that was loaded, or set aside because it cannot be: neither is tried again.';
comment on column crm.exports.sha256 is 'Hash of the manifest: the same export is the same, wherever it is copied to.';
