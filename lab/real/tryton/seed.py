"""
What the lab's Tryton holds. Runs inside .venv-lab: `python seed.py CONF DATABASE KEYFILE`.

A company with a chart of accounts; a supplier and a customer; three spare parts with stock and order
points (SEAL-80 lies below its own: 3 of at least 5); a kit with a bill of materials; a user for the
gateway with an application key. proteus works in this process, no server is needed.
"""

import datetime as dt
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from proteus import Model
from proteus import config as connection

CONF, DATABASE, KEY_FILE = sys.argv[1:4]
connection.set_trytond(database=DATABASE, config_file=CONF)

# these come with the wheels; they can be imported only once the database is open
from trytond.modules.account.tests.tools import create_chart, get_accounts  # noqa: E402
from trytond.modules.company.tests.tools import create_company, get_company  # noqa: E402

GATEWAY_PASSWORD = "Gw-lab-2026!"


def new(model: str, **values: Any) -> Any:
    """Save a new record of a model."""
    record = Model.get(model)(**values)
    record.save()
    return record


def one(model: str, *domain: Any) -> Any:
    """Return the only record that fits."""
    found = Model.get(model).find(list(domain))
    assert len(found) == 1, (model, domain, found)
    return found[0]


def partner(name: str, code: str, kind: str | None, identifier: str) -> Any:
    """Save a party with one identifier."""
    party = Model.get("party.party")(name=name, code=code)
    known_by = party.identifiers.new()
    known_by.type, known_by.code = kind, identifier
    party.save()
    return party


def product(name: str, code: str, unit: Any, price: str, category: Any, supplier: Any = None) -> Any:
    """Save a product: bought from a supplier, or made when there is none."""
    template = Model.get("product.template")()
    template.name, template.code, template.default_uom, template.type = name, code, unit, "goods"
    template.list_price, template.account_category = Decimal(price), category
    template.purchasable, template.producible = supplier is not None, supplier is None
    (variant,) = template.products
    variant.cost_price = Decimal(price) / 2
    template.save()
    if supplier is not None:
        source = new(
            "purchase.product_supplier", template=template, party=supplier, lead_time=dt.timedelta(days=3), code=f"S-{code}"
        )
        source.prices.append(
            Model.get("purchase.product_supplier.price")(quantity=0, unit_price=Decimal(price) * Decimal("0.8"))
        )
        source.save()
    return template.products[0]


def main() -> None:
    """Plant everything, once, into an empty database."""
    create_company(party=new("party.party", name="Plant Berlin GmbH"), currency="EUR")
    create_chart()
    company, accounts = get_company(), get_accounts()
    supplier = partner("Seal Supply AG", "SUP-100", "eu_vat", "DE136695976")
    partner("Northwind Drives", "CUS-200", None, "SF-0015g00000XyZ1")
    category = Model.get("product.category")(name="Spare parts", accounting=True)
    category.account_expense, category.account_revenue = accounts["expense"], accounts["revenue"]
    category.save()

    piece, litre = one("product.uom", ("name", "=", "Unit")), one("product.uom", ("name", "=", "Liter"))
    seal = product("Shaft seal 80 mm", "SEAL-80", piece, "24.50", category, supplier)
    bearing = product("Bearing 6208", "BRG-6208", piece, "18", category, supplier)
    oil = product("Hydraulic oil HLP 46", "OIL-HLP46", litre, "4.20", category, supplier)
    kit = product("Press overhaul kit", "KIT-0007", piece, "250", category)

    bom = Model.get("production.bom")(name="Press overhaul kit", code="BOM-0007")
    for part, quantity, unit in ((seal, 2, piece), (bearing, 4, piece), (oil, 12.5, litre)):
        line = Model.get("production.bom.input")()
        bom.inputs.append(line)
        line.product, line.quantity, line.unit = part, quantity, unit
    made = Model.get("production.bom.output")()
    bom.outputs.append(made)
    made.product, made.quantity = kit, 1
    bom.save()
    kit.boms.append(Model.get("product.product-production.bom")(bom=bom))
    kit.save()

    warehouse, storage = one("stock.location", ("code", "=", "WH")), one("stock.location", ("code", "=", "STO"))
    for part, least, target in ((seal, 5, 20), (bearing, 8, 40)):
        point = Model.get("stock.order_point")()
        point.type, point.product, point.location = "purchase", part, warehouse
        point.min_quantity, point.target_quantity = least, target
        point.save()
    counted = Model.get("stock.inventory")()
    counted.location = storage
    for part, quantity in ((seal, 3), (bearing, 25), (oil, 160)):
        line = Model.get("stock.inventory.line")()
        counted.lines.append(line)
        line.product, line.quantity = part, quantity
    counted.click("confirm")
    gateway(company)


def gateway(company: Any) -> None:
    """Save the gateway's user: every group but Administration, an employee, and a key for the REST interface."""
    user = Model.get("res.user")(name="Gateway", login="gateway", password=GATEWAY_PASSWORD, email="gw@example.com")
    for group in Model.get("res.group").find([("name", "!=", "Administration")]):
        user.groups.append(group)
    user.companies.append(Model.get("company.company")(company.id))
    user.company = company
    user.save()
    robot = new("company.employee", party=new("party.party", name="Gateway Robot"), company=company)
    user.employees.append(Model.get("company.employee")(robot.id))
    user.employee = robot
    user.save()
    key = new("res.user.application", user=user, application="rest")
    Path(KEY_FILE).write_text(key.key)


main()
