"""Every item of the dirty-data catalogue (DOMAIN §2.10), as a file an office would hand over."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
import xlsxwriter

from fraudrisk.records import read_table

TODAY = dt.date(2026, 11, 24)
USCC = "91330299MA0000001X"


def csv(folder: Path, text: str, encoding: str = "utf-8", name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def one(frame: pd.DataFrame, column: str) -> object:
    value = frame[column].iloc[0]
    return value.tolist() if hasattr(value, "tolist") and not isinstance(value, str) else value


def business(folder: Path, header: str, cell: str, encoding: str = "utf-8") -> pd.DataFrame:
    return read_table(csv(folder, f"企业名称,{header}\n甬城康寿健康馆,{cell}\n", encoding), "business", today=TODAY)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    assert one(business(tmp_path, "住所", "海东区X路1号", encoding), "name") == "甬城康寿健康馆"


def test_gb18030_beyond_gbk(tmp_path: Path) -> None:
    frame = read_table(csv(tmp_path, "企业名称\n甬城㐂寿\U00020000堂\n", "gb18030"), "business", today=TODAY)
    assert one(frame, "name") == "甬城㐂寿\U00020000堂"


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("45234", dt.date(2023, 11, 4)),
        ("2020-6-18", dt.date(2020, 6, 18)),
        ("2020/6/18 0:00", dt.date(2020, 6, 18)),
        ("20200618", dt.date(2020, 6, 18)),
        ("2020年6月", dt.date(2020, 6, 1)),
        ("2020年6月18日", dt.date(2020, 6, 18)),
        ("2017-8-7 9:51:52", dt.date(2017, 8, 7)),
        ("1592438400", dt.date(2020, 6, 18)),
        ("1592438400000", dt.date(2020, 6, 18)),
        ("\uff12\uff10\uff12\uff10-06-18", dt.date(2020, 6, 18)),
    ],
)
def test_dates(tmp_path: Path, cell: str, day: dt.date) -> None:
    assert one(business(tmp_path, "成立日期", cell), "est_date") == day


@pytest.mark.parametrize("cell", ["1900-1-1", "0000-00-00", "-2209017600", "9999-9-9", "2099-12-31"])
def test_filler_dates_read_as_missing_or_open_ended(tmp_path: Path, cell: str) -> None:
    frame = read_table(csv(tmp_path, f"企业名称,经营期限至,核准日期\n甬城康寿,{cell},{cell}\n"), "business", today=TODAY)
    assert pd.isna(frame["approve_date"].iloc[0])
    assert pd.isna(frame["op_to"].iloc[0]) or frame["op_to"].iloc[0] > TODAY


@pytest.mark.parametrize("cell", [r"\N", r"\n", "NULL", "无", "暂无", "/", "-", "——", "", "   ", "***********"])
def test_spellings_of_missing(tmp_path: Path, cell: str) -> None:
    assert pd.isna(business(tmp_path, "行业代码", cell)["industry_code"].iloc[0])


@pytest.mark.parametrize(
    ("cell", "yuan"),
    [
        ("3万余元", 30000),
        ("叁万陆仟元整", 36000),
        ("3.6w", 36000),
        ("三四千", 3000),
        ('"1,000.00元"', 1000),
        ("约2万", 20000),
        ("罚款2000元", 2000),
        ("0", 0),
    ],
)
def test_amounts(tmp_path: Path, cell: str, yuan: float) -> None:
    frame = read_table(csv(tmp_path, f"决定书文号,当事人,罚款,决定日期\nA1,甬城康寿,{cell},2026-01-02\n"), "penalty", today=TODAY)
    assert one(frame, "fine_yuan") == yuan


@pytest.mark.parametrize(("cell", "wan"), [("500", 500), ("500万元", 500), ('"5,000,000元"', 500), ("500.0万元人民币", 500)])
def test_capital_in_either_unit(tmp_path: Path, cell: str, wan: float) -> None:
    assert one(business(tmp_path, "注册资本(万元)", cell), "reg_capital_wan") == wan


def test_full_width_letters_digits_and_blanks(tmp_path: Path) -> None:
    frame = business(tmp_path, "统一社会信用代码", "\uff19\uff11\uff13\uff13\uff10\uff12\uff19\uff19MA0000001\uff38".replace("X", "X"))
    assert str(one(frame, "uscc")).isascii()


def test_unquoted_commas_in_text(tmp_path: Path) -> None:
    text = "工单编号,登记时间,诉求内容\nT1,2026-11-01,来电人称父亲听课,花了三万,要求退款\nT2,2026-11-02,路灯不亮\n"
    frame = read_table(csv(tmp_path, text), "complaint", today=TODAY)
    report = frame.attrs["report"]
    assert report.balanced
    assert report.rows_in == 2
    assert {"T2"} <= set(frame["ticket_id"])
    if len(frame) == 2:
        assert "三万" in frame.set_index("ticket_id").loc["T1", "text"]


def test_unquoted_commas_beside_a_long_name(tmp_path: Path) -> None:
    text = "工单编号,被投诉人,诉求内容\nT1,甬城颐康健康咨询有限公司,我妈交了三万块买床垫,不给退,急\n"
    frame = read_table(csv(tmp_path, text), "complaint", today=TODAY)
    assert one(frame, "respondent_name") == "甬城颐康健康咨询有限公司"
    assert one(frame, "text") == "我妈交了三万块买床垫,不给退,急"


def test_mixed_codes_in_one_column(tmp_path: Path) -> None:
    frame = read_table(csv(tmp_path, f"企业名称,统一社会信用代码\n甲馆,330299000012345\n乙馆,{USCC}\n"), "business", today=TODAY)
    assert frame["uscc_state"].tolist()[0] == "malformed"
    assert len(frame) == 2


def test_one_business_in_several_rows_by_storage_time(tmp_path: Path) -> None:
    frame = read_table(
        csv(tmp_path, f"统一社会信用代码,企业名称,核准日期\n{USCC},甲馆,2024-01-01\n{USCC},甲馆,2024-01-01\n{USCC},乙馆,2025-01-01\n"),
        "business",
        today=TODAY,
    )
    report = frame.attrs["report"]
    assert len(frame) == 2
    assert report.rows_rejected == 1
    assert report.balanced


def test_traditional_and_variant_characters_are_kept_in_the_record(tmp_path: Path) -> None:
    assert one(business(tmp_path, "经营范围", "養生產品銷售"), "scope") == "養生產品銷售"


def test_noise_in_text(tmp_path: Path) -> None:
    row = "T1,2026-11-01,<p>我妈\u200b交了&nbsp;3万</p>😡"
    frame = read_table(csv(tmp_path, f"工单编号,登记时间,诉求内容\n{row}\n"), "complaint", today=TODAY)
    text = str(one(frame, "text"))
    assert "<p>" not in text
    assert "\u200b" not in text
    assert "我妈交了 3万" in text
    assert "😡" in text


def test_formula_injection_survives_as_text_and_is_defused_on_the_way_out(tmp_path: Path) -> None:
    from fraudrisk.clues.workbook import safe_text

    frame = read_table(
        csv(tmp_path, 'T,登记时间,诉求内容\n1,2026-11-01,"=HYPERLINK(""http://x"")"\n'.replace("T,", "工单编号,", 1)),
        "complaint",
        today=TODAY,
    )
    assert safe_text(str(one(frame, "text"))).startswith("'=")


def test_duplicate_column_names(tmp_path: Path) -> None:
    frame = read_table(csv(tmp_path, "企业名称,住所,住所\n甲馆,海东区X路1号,\n"), "business", today=TODAY)
    assert one(frame, "address") == "海东区X路1号"


def sheet(path: Path, rows: list[list[object]], merge: tuple[int, int, int, int, str] | None = None) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet("数据")
        if merge:
            page.merge_range(*merge)
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if value is not None:
                    page.write(r, c, value)
    return path


def test_workbook_with_title_merged_header_and_totals(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        [None, None, None],
        ["决定书文号", "当事人", "罚款"],
        ["甬罚〔2026〕1号", "甲馆", 2000],
        ["甬罚〔2026〕2号", "乙馆", "罚款3000元"],
        ["合计", None, 5000],
    ]
    path = sheet(tmp_path / "处罚.xlsx", rows, merge=(0, 0, 0, 2, "行政处罚台账"))
    frame = read_table(path, "penalty", today=TODAY)
    assert frame["fine_yuan"].tolist() == [2000.0, 3000.0]
    assert frame.attrs["report"].balanced
    assert frame.attrs["report"].rows_rejected == 1


def test_ids_stay_text_in_workbooks(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["工单编号", "诉求内容", "登记时间"],
        ["1330299002026110900123", "路灯不亮", "2026-11-01"],
        [1330299.0, "井盖响", "2026-11-02"],
    ]
    frame = read_table(sheet(tmp_path / "工单.xlsx", rows), "complaint", today=TODAY)
    assert frame["ticket_id"].tolist() == ["1330299002026110900123", "1330299"]


def test_rounded_ids_are_reported(tmp_path: Path) -> None:
    frame = read_table(csv(tmp_path, "工单编号,诉求内容,登记时间\n1.33E+21,路灯不亮,2026-11-01\n"), "complaint", today=TODAY)
    assert any("rounded" in f.reason for f in frame.attrs["report"].faults)
    assert pd.isna(frame["ticket_id"].iloc[0])


def test_look_alike_letters_are_mended_only_where_the_check_proves_it(tmp_path: Path) -> None:
    from stdnum.cn import uscc

    from fraudrisk.records.uscc import check_uscc

    body = "91330299MA0501201"
    code = body + uscc.calc_check_digit(body + "0")
    typed = code.replace("0", "O").lower()
    assert check_uscc(typed) == (code, "ok", True)
    assert check_uscc(code[:-1] + ("A" if code[-1] != "A" else "B")).state == "bad_check"


def test_unknown_personal_columns_are_left_at_the_door(tmp_path: Path) -> None:
    frame = read_table(csv(tmp_path, "企业名称,监护人身份证号,联系电话\n甲馆,330299195001011234,13812345678\n"), "business", today=TODAY)
    assert not any("330299195001011234" in str(v) for v in frame.to_numpy().ravel())
    assert not any("13812345678" in str(v) for v in frame.to_numpy().ravel())
    assert any("监护人身份证号" in n for n in frame.attrs["report"].notices)
    assert one(frame, "phone_masked") == "138****5678"
