"""Reading other people's CSV files: what is accepted, and how what is not is complained about."""

from decimal import Decimal
from pathlib import Path

import pytest
from invoices.files import Reading, read_invoices, read_orders, read_vendors
from invoices.table import BadFile

GOOD = "invoice_number,vendor,quantity,unit_price,po_number\n"


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "my.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD, "my.csv: there are no invoices in it"),
        ("", "my.csv line 1: no column for invoice_number, vendor, quantity, unit_price"),
        ("a,b\n1,2\n", "The header has: a, b. Name it with --map invoice_number=COLUMN"),
        (GOOD + "I1,Acme,1,2.00,P1\nI2,Acme,,2.00,P1\n", "my.csv line 3: quantity is empty"),
        (GOOD + 'I1,"Ac\nme",1,2.00,P1\nI2,Acme,x,2.00,P1\n', "my.csv line 4: quantity: “x” is not a plain decimal"),
        (GOOD + "I1,Acme,0,2.00,P1\n", "my.csv line 2: quantity is 0, and must be above 0"),
        (GOOD + "I1,Acme,1,-2.00,P1\n", "my.csv line 2: unit_price is -2.00, and must be at least 0"),
        (GOOD + "I1,,1,2.00,P1\n", "my.csv line 2: vendor is empty"),
        (GOOD + "I1,Acme,1,2.00\n", "my.csv line 2: has 4 cells, the header has 5"),
        (GOOD + "I1,Ac\x00me,1,2.00,P1\n", "my.csv line 2: vendor contains a NUL character"),
        (GOOD + f"I1,{'x' * 4001},1,2.00,P1\n", "my.csv line 2: vendor is longer than 4000 characters"),
        (GOOD + "I1,A,1,1,P1\nI2,A,1,1,P1\nI1,A,1,1,P1\n", "my.csv line 4: invoice I1 stands in two places"),
        (GOOD + "I1,A,1,1,P1\nI1,A,1,1,P2\n", "my.csv line 3: po_number is “P2”, but “P1” on the lines above"),
        (GOOD.encode() + b"I1,Acme,1,2.00,P1\nI2,M\xfcller,1,2,P\n", "my.csv line 3: not UTF-8 (byte 0xfc)"),
        ("invoice,vendor,qty,price,date\nI1,A,1,1,20.11.2026\n", "line 2: invoice_date: “20.11.2026” is not a date"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str | bytes, complaint: str) -> None:
    with pytest.raises(BadFile) as refusal:
        read_invoices(written(tmp_path, text), Reading())
    assert complaint in str(refusal.value)


def test_all_complaints_come_at_once_up_to_a_limit(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as refusal:
        read_invoices(
            written(tmp_path, GOOD + "I,A,x,1,P\n" * 1 + "".join(f"I{n},A,x,1,P\n" for n in range(29))), Reading()
        )
    lines = str(refusal.value).splitlines()
    assert (len(lines), lines[-1]) == (21, "… and 10 more")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"nowhere\.csv: No such file"):
        read_invoices(tmp_path / "nowhere.csv", Reading())


@pytest.mark.parametrize(
    "text",
    [
        "Invoice_ID,Vendor_Name,PO_ID,Invoice_Qty,Invoice_Price\nI1,Acme,P1,2,3.50\n",
        "\ufeffInvoice No;Supplier;Purchase Order;Qty;Price\nI1;Acme;P1;2;3.50\n",
        "invoice\tvendor\tpo\tquantity\tunit price\r\nI1\tAcme\tP1\t2\t3.50\r\n",
    ],
)
def test_common_headers_and_delimiters_are_understood(tmp_path: Path, text: str) -> None:
    (found,) = read_invoices(written(tmp_path, text), Reading(currency="EUR"))
    assert (found.invoice_number, found.vendor.name, found.po_number, found.currency) == ("I1", "Acme", "P1", "EUR")
    assert (found.lines[0].quantity, found.lines[0].unit_price) == (Decimal(2), Decimal("3.50"))


def test_a_column_can_be_named_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "Beleg,vendor,quantity,unit_price\nR7,Acme,1,1\n")
    (found,) = read_invoices(path, Reading(mapping={"invoice_number": "Beleg"}))
    assert found.invoice_number == "R7"
    with pytest.raises(BadFile, match="there is no column “Nummer”"):
        read_invoices(path, Reading(mapping={"invoice_number": "Nummer"}))


def test_rows_with_one_number_are_the_lines_of_one_invoice(tmp_path: Path) -> None:
    path = written(tmp_path, "invoice,vendor,qty,price,amount\nI1,A,1,2,5.00\nI1,A,1,3,5.00\nI2,A,1,1,\n")
    first, second = read_invoices(path, Reading())
    assert (len(first.lines), first.stated_amount) == (2, Decimal("5.00"))
    assert (len(second.lines), second.stated_amount) == (1, None)


def test_a_known_vendor_lends_its_address_and_account(tmp_path: Path) -> None:
    vendors = tmp_path / "vendors.csv"
    vendors.write_text("vendor_id,name,address,bank_account\nV1,Acme,1 Road,NL00\n")
    path = written(tmp_path, "invoice,vendor,vendor_id,qty,price\nI1,Acme Ltd,V1,1,1\n")
    (found,) = read_invoices(path, Reading(vendors=read_vendors(vendors)))
    assert (found.vendor.name, found.vendor.address, found.vendor.bank_account) == ("Acme Ltd", "1 Road", "NL00")


def test_orders_need_no_vendor(tmp_path: Path) -> None:
    found = read_orders(written(tmp_path, "po,qty,price\nP1,1,2\n"), Reading())
    assert found["P1"].lines[0].unit_price == Decimal(2)
