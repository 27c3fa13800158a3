-- A rep's coaching.
select i.* from ai.rep_coaching_insights as i
where i.tenant_id = :tenant and i.snapshot_date = :day and i.rep_id = :rep
