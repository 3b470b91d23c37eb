"""The made-up world behind the shipped data: who sells what, in which currency, and what they write on invoices."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Seller:
    name: str
    address: str
    country: str
    currency: str
    goods: str


SELLERS = (
    Seller("Acme Industrial Supply", "48 Foundry Lane, Cleveland, OH", "United States", "USD", "workshop"),
    Seller("Bluepeak Office Supplies", "7 Market Row, Denver, CO", "United States", "USD", "office"),
    Seller("O'Brien & Söhne GmbH", "Lindenstraße 14, 50674 Köln", "Germany", "EUR", "workshop"),
    Seller("Ångström Instruments AB", "Kungsgatan 9, 753 21 Uppsala", "Sweden", "SEK", "lab"),
    Seller("Zażółć Gęślą Sp. z o.o.", "ul. Piotrkowska 88, 90-103 Łódź", "Poland", "PLN", "print"),
    Seller("京都精密株式会社 (Kyoto Seimitsu)", "12 Karasuma-dori, Kyoto", "Japan", "JPY", "lab"),
    Seller("Sakura Office Service K.K.", "3-4-1 Nihonbashi, Tokyo", "Japan", "JPY", "office"),
    Seller("מאפיית השרון בע״מ", "Herzl 21, Netanya", "Israel", "ILS", "catering"),
    Seller('The "Quoted" Paper Company', "Unit 5, Mill Road, Leeds", "United Kingdom", "GBP", "print"),
    Seller("<script>alert('hello')</script> Media Ltd", "20 Dock Street, Bristol", "United Kingdom", "GBP", "print"),
    Seller("=SUM(A1:A9) Consulting", "Rue du Lac 3, 1207 Genève", "Switzerland", "CHF", "services"),
    Seller("Robert'); DROP TABLE invoices;-- & Sons", "17 Elm Avenue, Cork", "Ireland", "EUR", "services"),
    Seller("Nguyễn Thị Hương Catering", "Keizersgracht 210, Amsterdam", "The Netherlands", "EUR", "catering"),
    Seller("🌻 Sunflower Kitchens", "88 Alder Street, Portland, OR", "United States", "USD", "catering"),
    Seller("Müller, Meier und Partner", "Bahnhofstrasse 31, 8001 Zürich", "Switzerland", "CHF", "services"),
    Seller("Café L'Été S.à r.l.", "4 rue des Capucins, Luxembourg", "Luxembourg", "EUR", "catering"),
    Seller("Meridian Facilities Management", "500 Canal Place, New Orleans, LA", "United States", "USD", "facility"),
    Seller("Stellar IT Services", "31 Residency Road, Bengaluru", "India", "INR", "computers"),
    Seller("Anika Packaging Solutions", "Plot 44, Industrial Area, Pune", "India", "INR", "packaging"),
    Seller("Fjord Kontormøbler ASA", "Strandgaten 6, 5013 Bergen", "Norway", "NOK", "furniture"),
    Seller("Ikaria Furniture", "Odos Ermou 40, Athens", "Greece", "EUR", "furniture"),
    Seller("Black & White <Design>", "Gran Vía 12, Madrid", "Spain", "EUR", "print"),
    Seller("Tamsin Reyes t/a Reyes Electrical", "9 Harbour View, Plymouth", "United Kingdom", "GBP", "facility"),
    Seller("Lopez, Nelson and Martin", "212 Pine Street, Boston, MA", "United States", "USD", "services"),
    Seller("Великов и синове ООД", "ul. Rakovski 15, Sofia", "Bulgaria", "EUR", "packaging"),
    Seller("Δίκτυο Ηλεκτρονικά Α.Ε.", "Leof. Syngrou 71, Athens", "Greece", "EUR", "computers"),
    Seller("Prairie Logistics Co-op", "1400 Grain Exchange, Winnipeg", "Canada", "CAD", "packaging"),
    Seller("Southern Cross Safety Pty Ltd", "8 Wharf Terrace, Fremantle", "Australia", "AUD", "facility"),
    Seller("Hartmann Laborbedarf", "Universitätsring 2, 1010 Wien", "Austria", "EUR", "lab"),
    Seller("Quill & Ink Stationers", "3 Bridge Street, Oxford", "United Kingdom", "GBP", "office"),
    Seller("North Shore Computing", "77 Lake Drive, Chicago, IL", "United States", "USD", "computers"),
    Seller("Gulf Precision Tools W.L.L.", "Building 12, Manama", "Bahrain", "BHD", "workshop"),
)

# Prices in euros; the generator turns them into the seller's currency with the rough scale below.
GOODS: dict[str, tuple[tuple[str, str], ...]] = {
    "workshop": (
        ("Hydraulic hose assembly, 10 m", "85"),
        ("Torque wrench 40–200 Nm", "240"),
        ("Bearing set, sealed", "45"),
        ("Welding gloves, pair", "15"),
        ("Compressor service kit", "380"),
        ("Bench grinder 200 mm", "310"),
    ),
    "office": (
        ("Copy paper A4, box of 5 reams", "25"),
        ("Lever arch files, box of 20", "40"),
        ("Toner cartridge, black", "95"),
        ("Whiteboard 120 × 90 cm", "130"),
        ("Desk lamp, LED", "55"),
        ("Label printer", "150"),
    ),
    "lab": (
        ("Pipette tips 200 µl, case", "120"),
        ("Borosilicate beakers, set of 12", "85"),
        ("pH electrode", "210"),
        ("Digital caliper 0–150 mm", "95"),
        ("Calibration weights, class F1", "460"),
        ("Centrifuge rotor", "1250"),
    ),
    "print": (
        ("Annual report, printed and bound", "20"),
        ("Brochures A5, per 1,000", "180"),
        ("Exhibition banner", "240"),
        ("Business cards, per 250", "35"),
        ("Product photography, half day", "650"),
        ("Poster series, layout", "420"),
    ),
    "catering": (
        ("Lunch buffet, per person", "25"),
        ("Coffee break, per person", "10"),
        ("Evening reception, per person", "65"),
        ("Fruit basket, weekly", "35"),
        ("Cake, 20 slices", "55"),
        ("Canteen service, day rate", "480"),
    ),
    "services": (
        ("Audit support, day rate", "950"),
        ("Translation, per 1,000 words", "140"),
        ("Contract review, hour", "220"),
        ("Workshop facilitation, day", "1400"),
        ("Bookkeeping, monthly", "600"),
        ("Market study", "4800"),
    ),
    "facility": (
        ("Window cleaning, per visit", "280"),
        ("Fire extinguisher inspection", "35"),
        ("Electrical inspection, day", "540"),
        ("Waste collection, monthly", "190"),
        ("Safety shoes, pair", "75"),
        ("Lift maintenance, quarterly", "720"),
    ),
    "computers": (
        ("Notebook 14″, 32 GB", "1350"),
        ("Docking station", "180"),
        ("Monitor 27″", "310"),
        ("Network switch, 24 ports", "640"),
        ("Backup storage, per TB and year", "60"),
        ("Support contract, monthly", "850"),
    ),
    "packaging": (
        ("Corrugated boxes 60 × 40, per 100", "85"),
        ("Stretch film, pallet", "220"),
        ("Pallets, heat-treated", "20"),
        ("Void fill, bag", "30"),
        ("Printed tape, case of 36", "70"),
        ("Pallet collars, set", "45"),
    ),
    "furniture": (
        ("Height-adjustable desk", "520"),
        ("Task chair, ergonomic", "340"),
        ("Meeting table, oak, 240 cm", "1150"),
        ("Acoustic panel", "160"),
        ("Pedestal, lockable", "190"),
        ("Bookcase, five shelves", "260"),
    ),
}

SCALE = {
    "JPY": Decimal(160),
    "INR": Decimal(90),
    "SEK": Decimal(12),
    "NOK": Decimal(12),
    "PLN": Decimal(4),
    "ILS": Decimal(4),
    "BHD": Decimal("0.4"),
}

BUYERS = ("Ines Carvalho", "Tom Ashby", "Priya Raman", "Jonas Lindqvist", "Mei Tanaka", "Aoife Byrne")

NOTES = (
    "",
    "",
    "",
    "Payment within 30 days, please.",
    "Thank you for your business!",
    "Delivered to the goods-in ramp, signed for by T. Ashby.",
    "Second of three deliveries; the rest follows next month.",
    "2 % discount when paid within 10 days.",
    "=cmd|' /C calc'!A0",
    "<b>URGENT</b> <img src=x onerror=alert(1)>",
    '+49 221 555 0100 for questions -- ask for "Ute"; don\'t e-mail.',
    "תודה רבה",
    "شكرا لتعاملكم معنا",
    "Rechnung bitte an buchhaltung@northwind.example senden.\nLiefertermin: KW 44.",
    "{{ 7 * 7 }} ${jndi:ldap://127.0.0.1/x} %s%n",
)

PRICE_NOTES = (
    "Raw material surcharge from 1 September, as announced in our letter.",
    "New price list since the order was placed.",
    "Price includes express delivery.",
    "",
)

PRICE_ANSWERS = (
    "The vendor confirms the new price list; the buyer has not signed it yet.",
    "The buyer agreed to the surcharge by telephone and will amend the order.",
    "The vendor made a mistake and will send a credit note for the difference.",
)

NO_ORDER_ANSWERS = (
    "The vendor says that the goods were ordered by telephone.",
    "No buyer knows of this delivery so far; goods-in has no record of it.",
)
