-- The last value that is not null, over a window that grows event by event.
create or replace function ops.keep_newer(anycompatible, anycompatible) returns anycompatible
language sql immutable strict parallel safe as 'select $2';

create or replace aggregate ops.last_known(anycompatible) (
    sfunc = ops.keep_newer, stype = anycompatible, parallel = safe
);

-- Objects laid over each other, the later one's values winning: the state after a series of changes.
create or replace aggregate ops.merged(jsonb) (
    sfunc = jsonb_concat, stype = jsonb, initcond = '{}', parallel = safe
);
