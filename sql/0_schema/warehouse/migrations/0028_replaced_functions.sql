-- ops.analyze_table goes by how much was written now; deals are seen at months' ends, too (ops.deal_sightings).
drop function if exists ops.analyze_table(regclass);
drop function if exists ops.deal_fridays(text[], date, date);
