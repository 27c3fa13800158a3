-- Statistics of what was written hang on how much that was.
drop function if exists ops.analyze_table(regclass);
