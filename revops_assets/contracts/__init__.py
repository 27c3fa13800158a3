"""The datasets that people build on, column by column: what a row may hold."""

from revops_assets.contracts.ai import RepCoachingInsights
from revops_assets.contracts.contract import Contract
from revops_assets.contracts.dashboard import CONTRACTS

ALL: tuple[type[Contract], ...] = (*CONTRACTS, RepCoachingInsights)
BY_DATASET: dict[str, type[Contract]] = {contract.dataset: contract for contract in ALL}
