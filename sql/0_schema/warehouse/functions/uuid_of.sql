-- The UUID of a thing that its source names by text: version 3 (RFC 9562) of this project's namespace and the JSON array
-- of the parts, as in Python's uuid.uuid3(NAMESPACE, json.dumps(parts, separators=(',', ':'), ensure_ascii=False)).
create or replace function ops.uuid_of(variadic p_parts text[]) returns uuid language sql immutable parallel safe as $$
    select overlay(overlay(hash placing '3' from 13) placing to_hex(('x' || substr(hash, 17, 1))::bit(4)::int & 3 | 8) from 17)::uuid
    from md5(decode('6f1c2a84d0b94e7f9a53c1e07b26d418', 'hex') || convert_to(to_json(p_parts)::text, 'UTF8')) as hash
$$;
