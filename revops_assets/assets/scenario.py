"""Tier 1, the generated company: exports written into the landing zone, by the same code as `revops scenario generate`.

REVOPS_SCENARIO=off leaves these assets out; the loaded tables then start the graph and `revops load` fills them.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
from pydantic import Field

from revops_assets.assets.spec import OWNERS, asset_key
from revops_assets.scenario import pipedrive
from revops_assets.scenario.calendar import day_end, yesterday
from revops_assets.scenario.folder import generate
from revops_assets.scenario.model import Plan
from revops_assets.settings import Settings, get_settings

# Which files each scenario asset stands for.
SALESFORCE_FILES = {
    "opportunities": ["Opportunity"],
    "process_events": ["OpportunityFieldHistory"],
    "reps": ["User", "ForecastingQuota"],
    "stage_benchmarks": ["OpportunityStage", "StageBenchmark__c"],
    "accounts": ["Account"],
    "contacts": ["Contact", "OpportunityContactRole"],
    "activities": ["Task", "CampaignMember"],
    "leads": ["Lead", "LeadHistory"],
    "forecast_calls": ["ForecastingOwnerAdjustment", "ForecastingAdjustment"],
    "after_sale": [
        "Product2", "Order", "Subscription__c", "SubscriptionChange__c", "UserEvent__c", "Case", "InfraCost__c",
    ],
}  # fmt: skip
PIPEDRIVE_EXPORT = "pipedrive_export"
ASSET_OF_FILE = {name: asset for asset, names in SALESFORCE_FILES.items() for name in names}

# The tenants, their mappings, and what is added to the seed.
TENANTS = {"acme": ("salesforce", 0), "pipeco": ("pipedrive", 1)}


class ScenarioConfig(dg.Config):
    """Size and time of the generated companies."""

    deals: int = Field(default=500, ge=1, description="How many deals each company has")
    seed: int = Field(default=1, description="Same seed, end date and size: the same exports")
    end_date: str = Field(default="", description="Last day, YYYY-MM-DD; empty: yesterday")


def folder(settings: Settings, tenant: str) -> Path:
    """Where a tenant's export lies in the landing zone."""
    return settings.landing / f"scenario-{tenant}"


def write_exports(settings: Settings, config: ScenarioConfig) -> dict[str, dict[str, int]]:
    """Write both companies' exports; returns rows per tenant and file."""
    end = date.fromisoformat(config.end_date) if config.end_date else yesterday(settings.timezone)
    written = {}
    for tenant, (shape, offset) in TENANTS.items():
        plan = Plan(config.deals, end, config.seed + offset, settings.timezone)
        written[tenant] = generate(folder(settings, tenant), tenant, shape, plan, day_end(plan, end))
    return written


def _spec(name: str, files: list[str]) -> dg.AssetSpec:
    return dg.AssetSpec(
        asset_key(f"scenario.{name}"),
        group_name="scenario",
        owners=OWNERS,
        kinds={"python", "json" if name in SALESFORCE_FILES else "csv"},
        description=f"Generated export: {', '.join(files)}.",
    )


FILES = {**SALESFORCE_FILES, PIPEDRIVE_EXPORT: list(pipedrive.HEADERS)}


@dg.multi_asset(name="scenario_exports", specs=[_spec(name, files) for name, files in FILES.items()])
def scenario_exports(config: ScenarioConfig) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Write the exports of both generated companies."""
    settings = get_settings()
    rows = write_exports(settings, config)
    for name, files in FILES.items():
        tenant = "pipeco" if name == PIPEDRIVE_EXPORT else "acme"
        counts = {file: rows[tenant][file] for file in files}
        yield dg.MaterializeResult(
            asset_key=asset_key(f"scenario.{name}"),
            metadata={"dagster/row_count": sum(counts.values()), "tenant": tenant, "files": counts,
                      "folder": dg.MetadataValue.path(str(folder(settings, tenant)))},
        )  # fmt: skip
