"""What a WSGI server serves, with all that requests need loaded before the server makes its workers.

They share it then, and whoever comes first after a start does not wait for it.
"""

import gc
import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application
from django.template.loader import get_template
from django.urls import reverse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


def _load_all() -> None:
    """Every view by asking for an address, every template of ours, and the icons by drawing the barest page."""
    reverse("queue")
    for path in TEMPLATES.rglob("*.html"):
        get_template(str(path.relative_to(TEMPLATES)))
    get_template("503.html").render()


application = get_wsgi_application()
_load_all()
gc.freeze()  # what is loaded by now stays, and need not be looked through while requests wait
