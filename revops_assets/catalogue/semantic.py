"""Business metrics: what approved definitions were, day by day."""

from revops_assets.catalogue.dataset import Dataset

DATASETS = [
    Dataset(
        "semantic.metric_values",
        "daily",
        ("staging.metric_input_days", "staging.deal_intervals", "staging.pipeline_stages", "staging.reps"),
        compares_with_last=True,
    ),
]
