-- The last value that is not null, over a window that grows event by event.
create or replace function ops.keep_newer(anycompatible, anycompatible) returns anycompatible
language sql immutable strict parallel safe as 'select $2';

create or replace aggregate ops.last_known(anycompatible) (
    sfunc = ops.keep_newer, stype = anycompatible, parallel = safe
);
