"""The datasets that people build on: what a row may hold stands in the header of the dataset's SQL file, and every write is
held to it. Consumers bind to these names."""

from revops_assets.warehouse.sql_files import dataset_files

CONTRACTS = {name: file for name, file in dataset_files().items() if file.has_contract}
