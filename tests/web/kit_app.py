"""A small portal with one page that shows the whole kit, for looking at it and testing it without a database."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask, flash, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader
from wtforms import FieldList, FormField
from wtforms.fields import SelectChoice

from app.core import i18n
from app.core.errors import Busy, Invalid, NotFound, Problem
from app.core.money import Money
from app.identity.actor import Actor, MembershipRole, Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import errors, guards, templating
from config import ROOT, Settings
from forms import fields, validators
from forms.base import BaseForm, StepForm
from forms.searchable import SearchField

PRODUCTS = {
    "090111": "Coffee, not roasted, not decaffeinated",
    "090121": "Coffee, roasted, not decaffeinated",
    "090230": "Black tea, in packings of 3 kg or less",
}
LEGAL_FORMS = [("ltd", "Private company"), ("coop", "Cooperative")]
TRADER = Actor(
    kind="user",
    name="Aline Uwase",
    user_id=7,
    role=Role.ENTREPRENEUR,
    memberships={1: MembershipRole.OWNER, 2: MembershipRole.AGENT},
    business_id=1,
)
CLERK = Actor(
    kind="user", name="Claude Habimana", user_id=8, role=Role.CLERK, agencies=frozenset({"NAEB"}), second_factor=True
)


class ProductField(SearchField):
    def lookup(self, code: str) -> str | None:
        digits = code.replace(".", "")
        return digits if digits in PRODUCTS else None

    def words(self, text: str) -> list[SelectChoice]:
        return [
            SelectChoice(code, self.label_of(code)) for code, name in PRODUCTS.items() if text.lower() in name.lower()
        ]

    def named(self, code: str) -> str:
        return PRODUCTS.get(code, "")

    def written(self, code: str) -> str:
        return f"{code[:4]}.{code[4:]}"


class PersonForm(BaseForm):
    name = fields.TextField("Full name", [validators.required("Enter the person's full name.")])
    born = fields.DateField("Date of birth", [validators.required(), validators.not_future()], birthday=True)


class KitForm(StepForm):
    name = fields.TextField(
        "Name of the business",
        [validators.required("Enter the name of the business.")],
        description="As it will appear on the certificate.",
        max_length=60,
    )
    form = fields.RadioField(
        "Legal form", [validators.required()], choices=[("ltd", "Private company"), ("coop", "Cooperative")]
    )
    resident = fields.YesNoField("Does a director live in the country?", [validators.required()])
    product = ProductField("Product", [validators.required()], description="A word, such as coffee, or a code.")
    net = fields.DecimalField("Net mass", [validators.required()], suffix="kg", places=3, minimum=0)
    boxes = fields.IntegerField("Number of packages", minimum=1)
    day = fields.DateField("Day of departure", [validators.required()], description="For example, 21 11 2026.")
    phone = fields.PhoneField("Telephone", region="RW")
    email = fields.EmailField("E-mail address")
    market = fields.SelectField(
        "Destination", [validators.required()], choices=[("CN", "China"), ("FR", "France")], blank="Choose a country"
    )
    channels = fields.MultiCheckboxField("Channels", choices=[("a", "Alibaba.com"), ("t", "Tmall Global")])
    note = fields.LongTextField("Anything else", description="The clerk reads this.")
    people = FieldList(FormField(PersonForm), "Person", min_entries=1, max_entries=3)
    agreed = fields.TickField("What I say here is true", [validators.required("Tick the box to go on.")])


def build(actor: Actor | None = None, *, language: str = "en", country: str = "RW", demo: bool = True) -> Flask:
    """``?rtl=1`` shows a page as in Arabic (no catalogue: the words stay English)."""
    load.configure(country)
    app = Flask("app", root_path=str(ROOT), template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    settings = replace(Settings(), mode="demo" if demo else "test", country=country)  # type: ignore[arg-type]
    app.config.update(SECRET_KEY="kit", KIBALI=settings, TESTING=False, PROPAGATE_EXCEPTIONS=False)
    guards.load_guards(app)
    templating.install(app)
    errors.install(app)
    app.jinja_loader = ChoiceLoader(  # type: ignore[assignment]
        [FileSystemLoader(ROOT / "templates"), FileSystemLoader(Path(__file__).parent / "kit")]
    )
    app.jinja_env.globals["businesses"] = lambda: (
        [(1, "Kivu Coffee Washers Ltd", True), (2, "Nyungwe Tea Growers Cooperative", False)]
        if actor and actor.memberships
        else []
    )
    app.context_processor(lambda: {"actor": actor})
    app.jinja_env.globals["navigation"] = lambda: templating.navigation.tabs(actor)

    @app.before_request
    def speak() -> None:
        pack = load.current()
        wanted = request.args.get("lang", language)
        i18n.set_locale("ar" if request.args.get("rtl") else pack.locale(wanted), pack.zone)

    add_pages(app)
    return app


def add_pages(app: Flask) -> None:
    @app.get("/kit")
    @guards.requires(Permission.PUBLIC)
    def kit() -> str:
        flash("Your answers are saved.")
        return render_template("kit.html", **samples())

    @app.route("/form", methods=["GET", "POST"])
    @guards.requires(Permission.PUBLIC)
    def form() -> tuple[str, int]:
        filled = KitForm(request.form if request.method == "POST" else None)
        status = 200
        if request.method == "POST" and not filled.handle_buttons(request.form) and not filled.validate():
            status = 422
        return render_template("form.html", form=filled), status

    @app.get("/fail/<what>")
    @guards.requires(Permission.PUBLIC)
    def fail(what: str) -> str:
        if what == "missing":
            raise NotFound
        if what == "busy":
            raise Busy(retry_after=90)
        if what == "invalid":
            raise Invalid(Problem("The name is taken.", "name"))
        raise RuntimeError("secret detail")

    @app.post("/only-post")
    @guards.requires(Permission.PUBLIC)
    def only_post() -> tuple[str, int]:
        return render_template("form.html", form=KitForm(request.form)), 422


def samples() -> dict[str, Any]:
    return {
        "fee": Money(15000, "RWF"),
        "quantity": Decimal("1200.5"),
    }


if __name__ == "__main__":
    import sys

    build(TRADER if "trader" in sys.argv else CLERK if "clerk" in sys.argv else None).run(port=8077)
