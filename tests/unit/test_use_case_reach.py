"""A use case reaches at most eight files of its own service; the measure itself is tested on a small package."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.use_case_reach import LIMIT, measure

_ROOT = Path(__file__).parents[2]
_SERVICES = ("dashboard", "invitations", "notifier", "roster", "signup")

_ONE_AGGREGATE = (
    "students, parents and sibling groups are one aggregate in three tables, matched and saved whole"
)
_INVITES = "executes `invite` in the transaction of what led to it, so that a kill undoes or keeps both"
# Use cases that may reach more files: "services.x.use_cases.y.function" -> (limit, reason).
EXCEPTIONS: dict[str, tuple[int, str]] = {
    "services.invitations.use_cases.replicate_roster.upsert_parents": (11, _INVITES),
    "services.invitations.use_cases.replicate_roster.upsert_schools": (11, _INVITES),
    "services.invitations.use_cases.request_invitations.request_invitations": (9, _INVITES),
    "services.invitations.use_cases.request_invitations.retry_pending_requests": (9, _INVITES),
    "services.invitations.use_cases.send_bulk.send_bulk": (11, _INVITES),
    "services.roster.use_cases.apply_import.apply_staged_rows": (15, _ONE_AGGREGATE),
    "services.roster.use_cases.parents.change_parent": (14, _ONE_AGGREGATE),
    "services.roster.use_cases.parents.remove_parent": (12, _ONE_AGGREGATE),
    "services.roster.use_cases.process_import.process_import": (
        19,
        "reads and stages the file; " + _ONE_AGGREGATE,
    ),
    "services.roster.use_cases.save_changes.save_changes": (9, _ONE_AGGREGATE),
    "services.roster.use_cases.siblings.link_siblings": (13, _ONE_AGGREGATE),
    "services.roster.use_cases.siblings.unlink_siblings": (13, _ONE_AGGREGATE),
    "services.roster.use_cases.students.add_parent": (16, _ONE_AGGREGATE),
    "services.roster.use_cases.students.add_student": (16, _ONE_AGGREGATE),
    "services.roster.use_cases.students.change_student": (15, _ONE_AGGREGATE),
    "services.roster.use_cases.students.remove_student": (12, _ONE_AGGREGATE),
}


@pytest.mark.parametrize("service", _SERVICES)
def test_a_use_case_reaches_at_most_eight_files_of_its_service(service: str) -> None:
    if not (_ROOT / "services" / service / "use_cases").is_dir():
        return
    sizes = {reach.use_case: reach.files for reach in measure(_ROOT, f"services.{service}")}
    too_far = {
        use_case: (len(files), files)
        for use_case, files in sizes.items()
        if len(files) > EXCEPTIONS.get(use_case, (LIMIT, ""))[0]
    }
    assert not too_far, "cut the rooms anew, or add an exception with its reason"
    listed = [use_case for use_case in EXCEPTIONS if use_case.startswith(f"services.{service}.")]
    too_wide = [use_case for use_case in listed if len(sizes.get(use_case, ())) < EXCEPTIONS[use_case][0]]
    assert not too_wide, "these exceptions are no longer needed, or not so far"


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in {
        "__init__.py": "",
        "use_cases/__init__.py": "",
        "storage/__init__.py": "",
        **files,
    }.items():
        path = root / "services" / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return root


def _reach(root: Path) -> dict[str, list[str]]:
    return {
        reach.use_case.removeprefix("services.shop.use_cases."): [
            file.removeprefix("services/shop/").removesuffix(".py") for file in reach.files
        ]
        for reach in measure(root, "services.shop")
    }


_SHOP = {
    "settings.py": "LIMIT = 3",
    "domain.py": """
        from services.shop.prices import Price, round_up
        class Order:
            price: Price
            def total(self): return round_up(self.price)
    """,
    "prices.py": """
        class Price: ...
        def round_up(price): return price
        def unused(): from services.shop import audit; audit.note()
    """,
    "audit.py": "def note(): ...",
    "storage/orders.py": """
        from services.shop.storage import sql
        def save(order): sql.run(order)
        def delete(order): ...
    """,
    "storage/sql.py": "def run(values): ...",
}


def test_only_referenced_definitions_are_followed(tmp_path: Path) -> None:
    use_case = """
        from services.shop.storage import orders
        from services.shop.settings import LIMIT
        from elsewhere import Thing
        def remove(order): orders.delete(order, LIMIT, Thing)
        def place(order): orders.save(order)
        def _private(order): orders.save(order)
    """
    reach = _reach(_write(tmp_path, {**_SHOP, "use_cases/orders.py": use_case}))
    assert reach == {
        "orders.place": ["storage/orders", "storage/sql", "use_cases/orders"],
        "orders.remove": ["storage/orders", "use_cases/orders"],
    }


def test_methods_are_followed_by_name_and_imports_inside_functions_count(tmp_path: Path) -> None:
    use_case = """
        from __future__ import annotations
        from services.shop.domain import Order as Bought
        class Checkout:
            def pay(self, order: Bought) -> None: order.total()
            def note(self) -> None:
                from services.shop import audit
                audit.note()
            def _helper(self) -> None: ...
    """
    reach = _reach(_write(tmp_path, {**_SHOP, "use_cases/checkout.py": use_case}))
    assert reach["checkout.Checkout.pay"] == ["domain", "prices", "use_cases/checkout"]
    assert "audit" in reach["checkout.Checkout.note"]
    assert "checkout.Checkout._helper" not in reach


def test_a_class_without_a_named_method_is_followed_whole(tmp_path: Path) -> None:
    files = {
        **_SHOP,
        "clock.py": """
            from services.shop import audit
            class Clock:
                def ring(self): audit.note()
                def stop(self): ...
        """,
        "use_cases/whole.py": "from services.shop.clock import Clock\ndef hand_over(run): run(Clock())",
        "use_cases/named.py": "from services.shop.clock import Clock\ndef halt(): Clock().stop()",
    }
    reach = _reach(_write(tmp_path, files))
    assert reach["whole.hand_over"] == ["audit", "clock", "use_cases/whole"]
    assert reach["named.halt"] == ["clock", "use_cases/named"]


def test_a_local_name_hides_an_import_and_a_package_passes_names_on(tmp_path: Path) -> None:
    files = {
        **_SHOP,
        "face/__init__.py": "from services.shop.audit import note",
        "use_cases/hidden.py": "from services.shop import audit\ndef hidden(audit): audit.note()",
        "use_cases/faced.py": "from services.shop.face import note\ndef faced(): note()",
        "use_cases/dotted.py": "import services.shop.audit\ndef dotted(): services.shop.audit.note()",
    }
    reach = _reach(_write(tmp_path, files))
    assert reach["hidden.hidden"] == ["use_cases/hidden"]
    assert reach["faced.faced"] == ["audit", "use_cases/faced"]
    assert reach["dotted.dotted"] == ["audit", "use_cases/dotted"]
