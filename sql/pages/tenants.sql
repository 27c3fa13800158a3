-- Companies of which any day of dashboards was built.
select distinct tenant_id from semantic.partitions
where dataset = 'dashboard.dashboard_kpis'
order by 1
