"""Charts of workbooks: what they draw is read from the values that the file keeps with them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.chart.xmlwriter import ChartXmlWriter
from pptx.enum.chart import XL_CHART_TYPE

from knowledge.answering.places import anchor_with_rows, place_at
from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.parsing.reading import parse
from knowledge.splitting.splitter import split
from knowledge.text.rows import rows_between
from knowledge.types import DocumentRef, ParsedDocument, Passage, PassagePart

LIMITS = ParsingLimits()


def columns(kind: XL_CHART_TYPE = XL_CHART_TYPE.COLUMN_CLUSTERED) -> str:
    data = CategoryChartData(number_format="0.0%")
    data.categories = ["May", "June", "007"]
    data.add_series("eu-west", (0.125, None, 1))
    data.add_series("us-east", (0.5, 0.75))
    return str(ChartXmlWriter(kind, data).xml)


def titled(xml: str, title: str) -> str:
    text = f"<c:title><c:tx><c:rich><a:bodyPr/><a:p><a:r><a:t>{title}</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    return xml.replace("<c:chart>", f"<c:chart>{text}").replace('<c:autoTitleDeleted val="0"/>', "")


def with_charts(path: Path, *charts: str, cells: bool = True) -> ParsedDocument:
    """A workbook whose first sheet has these charts, as a spreadsheet program keeps them."""
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    if cells:
        sheet["A2"], sheet["A4"] = "host", "zebra"
    for _ in charts:
        sheet.add_chart(BarChart(), "F1")
    made = io.BytesIO()
    workbook.save(made)
    parts = {f"xl/charts/chart{number}.xml": chart for number, chart in enumerate(charts, start=1)}
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(path / "a.xlsx", "w") as target:
        for name in source.namelist():
            target.writestr(name, parts.get(name) or source.read(name))
    return parse(path / "a.xlsx", name="a.xlsx", limits=LIMITS)


def test_charts_are_tables_below_their_sheet(tmp_path: Path) -> None:
    document = with_charts(tmp_path, titled(columns(), "Share by month"), columns(XL_CHART_TYPE.LINE))
    table = (
        "| category | eu-west | us-east |\n| --- | --- | --- |\n"
        "| May | 12.5% | 50% |\n| June |  | 75% |\n| 007 | 100% |  |\n"
    )
    assert document.text == (
        f"## Sheet\n\n| host |\n| --- |\n| zebra |\n\n### Share by month\n\n{table}\n### Chart 2\n\n{table}"
    )
    assert document.warnings == ()
    assert rows_between(document.rows, document.text, 0, document.text.index("###")) == (4, 4)
    assert rows_between(document.rows, document.text, document.text.index("###"), len(document.text)) is None


def test_what_a_chart_draws_is_cited_by_its_sheet_and_title(tmp_path: Path) -> None:
    document = with_charts(tmp_path, titled(columns(), "Share by month"))
    (draft,) = split(document)
    part = PassagePart(start=0, heading_path=draft.heading_path, anchor=draft.anchor, rows=draft.rows)
    passage = Passage(
        number=1, document=DocumentRef(id="d", knowledge_base_id="k", path="a.xlsx", title="a", url=""),
        heading_path=draft.heading_path, anchor=draft.anchor, text=draft.text, start=0, end=len(draft.text), score=1.0,
        chunk_ids=(1,), parts=(part,),
    )  # fmt: skip
    at, end = document.text.index("| May"), document.text.index("| June")
    place = place_at(passage, at)
    assert place.heading_path == ("Sheet", "Share by month")
    assert anchor_with_rows(passage, place.anchor, at, end) == "sheet=Sheet"
    at = document.text.index("| zebra")
    assert anchor_with_rows(passage, place_at(passage, at).anchor, at, at + 9) == "sheet=Sheet&row=4"


def test_a_sheet_of_nothing_but_a_chart_is_read(tmp_path: Path) -> None:
    document = with_charts(tmp_path, titled(columns(XL_CHART_TYPE.PIE), "Dashboard"), cells=False)
    assert document.text.startswith("## Sheet\n\n### Dashboard\n\n| category |")
    assert document.pages == ((0, "Sheet"),)


def test_points_stand_over_their_x(tmp_path: Path) -> None:
    data = XyChartData()
    for name, moved in (("load", 0), ("cost", 0), ("other", 5)):
        series = data.add_series(name)
        series.add_data_point(1 + moved, 2.5)
        series.add_data_point(2 + moved, 0.1 + 0.2)
    text = with_charts(tmp_path, str(ChartXmlWriter(XL_CHART_TYPE.XY_SCATTER, data).xml)).text
    assert "| x | load | cost |\n| --- | --- | --- |\n| 1 | 2.5 | 2.5 |\n| 2 | 0.3 | 0.3 |\n\n| x | other |" in text


def test_dates_and_levels_of_categories(tmp_path: Path) -> None:
    dates = CategoryChartData()
    dates.categories = ["a"]
    dates.add_series("s", (1,))
    xml = str(ChartXmlWriter(XL_CHART_TYPE.COLUMN_CLUSTERED, dates).xml)
    before, _, rest = xml.partition("<c:cat>")
    after = rest.partition("</c:cat>")[2]
    kept = (
        "<c:numRef><c:numCache><c:formatCode>yyyy\\-mm\\-dd</c:formatCode>"
        '<c:pt idx="0"><c:v>45413</c:v></c:pt></c:numCache></c:numRef>'
    )
    assert "| 2024-05-01 | 1 |" in with_charts(tmp_path, f"{before}<c:cat>{kept}</c:cat>{after}").text
    nested = CategoryChartData()
    for zone in ("north", "south"):
        category = nested.add_category(zone)
        for host in ("one", "two"):
            category.add_sub_category(host)
    nested.add_series("s", (1, 2, 3, 4))
    text = with_charts(tmp_path, str(ChartXmlWriter(XL_CHART_TYPE.COLUMN_CLUSTERED, nested).xml)).text
    assert "| north / one | 1 |\n| north / two | 2 |\n| south / one | 3 |\n| south / two | 4 |" in text


@pytest.mark.parametrize(
    "broken", ["<c:chartSpace", "not XML", "<a/>", "<c:chartSpace xmlns:c='x'><c:chart/></c:chartSpace>"]
)
def test_only_charts_that_cannot_be_read_are_warned_of(tmp_path: Path, broken: str) -> None:
    document = with_charts(tmp_path, columns(), broken)
    assert document.warnings == ("1 charts were not read",)
    assert document.text.count("| category |") == 1


def test_odd_numbers_of_points_cost_nothing(tmp_path: Path) -> None:
    xml = columns().replace('<c:pt idx="1">', '<c:pt idx="999999999">').replace('idx="2"', 'idx="99999999999"')
    lines = with_charts(tmp_path, xml).text.splitlines()
    assert any(line.startswith("| 1000000000 |") or line.startswith("| June |") for line in lines)
    assert len(lines) < 20


def test_entities_in_a_chart_are_refused(tmp_path: Path) -> None:
    entity = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    with pytest.raises(UnreadableFile, match="document type"):
        with_charts(tmp_path, columns().replace("?>", f"?>{entity}", 1).replace("May", "&x;"))
    # Behind so much white space that the look at the prolog misses it.
    document = with_charts(tmp_path, columns().replace("?>", f"?>{' ' * 70_000}{entity}", 1).replace("May", "&x;"))
    assert "root:" not in document.text


def test_a_chart_named_many_times_is_read_once(tmp_path: Path) -> None:
    with_charts(tmp_path, columns())
    again = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "a.xlsx") as source, zipfile.ZipFile(again, "w") as target:
        for name in source.namelist():
            data = source.read(name).decode()
            if name == "xl/drawings/drawing1.xml":
                frame = data[data.index("<oneCellAnchor") : data.index("</wsDr>")]
                data = data.replace(frame, frame * 50)
                assert data.count("rId1") == 50
            target.writestr(name, data)
    (tmp_path / "b.xlsx").write_bytes(again.getvalue())
    assert parse(tmp_path / "b.xlsx", name="b.xlsx", limits=LIMITS).text.count("| category |") == 1
