"""The alert rules: each asks for metrics that there are, and the operator's table knows each."""

import re
from pathlib import Path

from worker.reference import settings_table

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
SOURCE = (ROOT / "worker" / "metrics.py").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def test_every_metric_that_an_alert_asks_for_is_served():
    asked = set(re.findall(r"\btonearm_(\w+)", RULES))
    assert len(asked) > 8
    for name in asked:
        plain = re.sub(r"_(total|bucket)$", "", name)
        made = re.search(rf"[\"_]{plain}\"", SOURCE) or re.fullmatch(r"(database|broker|replica)_up", plain)
        assert made, f"tonearm_{name} is asked for and served by nobody"


def test_every_alert_has_its_line_in_the_operators_table():
    alerts = re.findall(r"alert: (\w+)", RULES)
    assert len(alerts) > 8
    assert [alert for alert in alerts if f"| `{alert}` |" not in OPERATIONS] == []


def test_every_error_code_has_its_line_in_the_operators_table():
    errors = (ROOT / "db" / "errors.py").read_text()
    codes = set(re.findall(r"\bcode(?:, retryable)? = \"(\w+)\"", errors)) | {"worker_lost", "invalid_event"}
    assert len(codes) > 8
    assert sorted(code for code in codes if f"| `{code}` |" not in OPERATIONS) == []


def test_the_operators_settings_are_those_of_the_code():
    assert settings_table() in OPERATIONS, "write docs/operations.md's table anew: python -m worker.reference settings"
