"""The canonical tables: what columns they have, what they are called in the wild, and when a row became known.

One declaration serves the readers (headers and aliases), the cleaning (kinds), the masking (personal columns) and the
as-of rules (``known_from`` and ``revealed_by``). Chinese headers, canonical names and aliases follow the municipal data
dictionary of market-regulation tables (DOMAIN §2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fraudrisk.errors import NotFoundError

__all__ = ["TABLES", "Column", "Kind", "Personal", "Table", "fact_columns", "get_table"]

Kind = Literal["id", "uscc", "text", "enum", "date", "datetime", "int", "float", "amount", "wan", "bool", "list"]
"""How a column is cleaned: ``amount`` is yuan in any spelling, ``wan`` is 万元 (yuan when the cell says so)."""

Personal = Literal["hash", "name", "phone", "drop"]
"""What happens to a personal column at the door: keyed hash, surname kept, phone masked and hashed, or dropped."""


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column.

    Parameters
    ----------
    name, zh : str
        Canonical (snake_case) and Chinese header.
    kind : Kind
        How its cells are cleaned and typed.
    aliases : tuple of str
        Other headers seen in real exports; matched without case, spaces and brackets.
    personal : Personal or None
        How a personal column is treated before anything else sees it.
    revealed_by : str
        Name of the date column that says when this cell became known, where that is later than the row's ``known_at``
        (a removal, a closing). Before that date the cell reads as missing.
    undated_shown : bool
        What to do where `revealed_by` is itself missing: show the cell (a status without its date) or hide it (default).
    free_text : bool
        Personal data inside the text is masked, names and dwellings included.
    future : bool
        A date that may lie ahead (an expiry).
    """

    name: str
    zh: str
    kind: Kind = "text"
    aliases: tuple[str, ...] = ()
    personal: Personal | None = None
    revealed_by: str = ""
    undated_shown: bool = False
    free_text: bool = False
    future: bool = False


@dataclass(frozen=True)
class Table:
    """One canonical table.

    Parameters
    ----------
    name, zh : str
        Canonical and Chinese name.
    columns : tuple of Column
        In canonical order. ``known_at`` (date) is added to every table and need not be listed.
    record_id : str
        Column that names a row for people (a ticket number, a document number). Generated from the row where it is blank.
    keys : tuple of str
        A row with none of these is rejected: it could never be joined to a business or read.
    known_from : tuple of str
        Date columns that stand in for ``known_at`` where the file has none, first non-missing wins.
    """

    name: str
    zh: str
    columns: tuple[Column, ...]
    record_id: str
    keys: tuple[str, ...]
    known_from: tuple[str, ...]
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {c.name: c for c in self.columns})

    @property
    def column_names(self) -> tuple[str, ...]:
        """Canonical names in order, ``known_at`` last."""
        return (*(c.name for c in self.columns), "known_at")


def _c(
    name: str,
    zh: str,
    kind: Kind = "text",
    *aliases: str,
    personal: Personal | None = None,
    by: str = "",
    undated: bool = False,
    free: bool = False,
    future: bool = False,
) -> Column:
    return Column(name, zh, kind, aliases, personal, by, undated, free, future)


ENTITY = _c("entity_id", "主体身份代码", "id", "main_identi_id", "pripid", "主体身份码", "企业ID")
USCC = _c("uscc", "统一社会信用代码", "uscc", "uni_social_crd_cd", "uniscid", "creditCode", "authorityCode", "信用代码", "社会信用代码")

BUSINESS = Table(
    "business",
    "市场主体登记",
    (
        ENTITY,
        USCC,
        _c("reg_no", "注册号", "id", "REGNO", "regNum", "工商注册号"),
        _c(
            "name",
            "企业名称",
            "text",
            "comp_nm",
            "entName",
            "ENTNAME",
            "business_name",
            "名称",
            "主体名称",
            "市场主体名称",
            "单位名称",
            "字号名称",
        ),
        _c("former_names", "曾用名", "list", "historyNames", "history_names", "former_name", "原名称", by="approve_date", undated=True),
        _c("entity_type", "企业类型", "text", "comp_type", "entType", "主体类型", "市场主体类型"),
        _c("status", "登记状态", "enum", "reg_state", "entStatus", "经营状态", "企业状态", by="approve_date", undated=True),
        _c("reg_capital_wan", "注册资本(万元)", "wan", "reg_capt", "regCap", "注册资本", "注册资金"),
        _c("paid_capital_wan", "实缴资本", "wan", "recCap", "cumula_paid_amt", "实缴资本(万元)"),
        _c("currency", "币种", "text", "capt_kind"),
        _c("est_date", "成立日期", "date", "est_dt", "esDate", "ESTDATE", "注册日期"),
        _c("approve_date", "核准日期", "date", "appr_dt", "apprDate"),
        _c("op_from", "经营期限自", "date", "opt_from", "opFrom"),
        _c("op_to", "经营期限至", "date", "opt_to", "opTo", future=True),
        _c("legal_person", "法定代表人", "text", "legal_repre", "frName", "经营者", "法定代表人(经营者)", "负责人", personal="name"),
        _c("legal_person_id_hash", "法人证件号", "id", "cer_no", "法定代表人证件号", "法人身份证号", "legal_person_id", personal="hash"),
        _c("phone", "联系电话", "id", "tel_num", "mobtel", "tel", "电话", "企业联系电话", personal="phone"),
        _c("address", "住所", "text", "addr", "dom", "注册地址", "地址", "企业地址", free=True),
        _c("op_address", "经营场所", "text", "opt_loc", "pro_loc", "经营地址", free=True),
        _c("division_code", "行政区划代码", "id", "domdi_strict", "行政区划", "区划代码", "area_code"),
        _c("reg_org", "登记机关", "text", "regOrg"),
        _c("industry_code", "行业代码", "id", "indv_code", "indv_cd", "行业", "industry"),
        _c("scope", "经营范围", "text", "opt_scop", "opScope", free=True),
        _c("online_shops", "网站网店", "list", "web_store_url", "wechat_public", "app_nm", "网站", "网店", "公众号", "小程序"),
    ),
    record_id="business_id",
    keys=("uscc", "entity_id", "reg_no", "name"),
    known_from=("est_date", "approve_date"),
)

ABNORMAL_LISTING = Table(
    "abnormal_listing",
    "经营异常名录",
    (
        ENTITY,
        USCC,
        _c("name", "企业名称", "text", "名称", "主体名称"),
        _c("listing_no", "列入决定文号", "id", "列入文号", "listing_id"),
        _c("listed_on", "列入日期", "date", "标记日期", "marked_on", "列入时间"),
        _c("list_reason", "列入原因", "text", "标记原因", "列入经营异常名录原因", free=True),
        _c("listed_by", "列入决定机关", "text", "作出决定机关(列入)", "列入机关", "决定机关(列入)"),
        _c("removed_on", "移出日期", "date", "恢复日期", "recovered_on", "移出时间", by="removed_on"),
        _c("remove_reason", "移出原因", "text", "是否恢复", "移出经营异常名录原因", by="removed_on", free=True),
        _c("removed_by", "移出决定机关", "text", "作出决定机关(移出)", "决定机关(移出)", by="removed_on"),
    ),
    record_id="listing_no",
    keys=("uscc", "entity_id", "name"),
    known_from=("listed_on",),
)

SERIOUS_VIOLATION = Table(
    "serious_violation",
    "严重违法失信名单",
    (
        ENTITY,
        USCC,
        _c("name", "企业名称", "text", "名称"),
        _c("listing_no", "列入决定文号", "id", "列入文号", "listing_id"),
        _c("listed_on", "列入日期", "date", "列入时间"),
        _c("serious_reason", "列入原因", "text", "严重违法列入原因", free=True),
        _c("listed_by", "列入决定机关", "text", "决定机关(列入)"),
        _c("removed_on", "移出日期", "date", by="removed_on"),
        _c("remove_reason", "移出原因", "text", by="removed_on", free=True),
    ),
    record_id="listing_no",
    keys=("uscc", "entity_id", "name"),
    known_from=("listed_on",),
)

PENALTY = Table(
    "penalty",
    "行政处罚",
    (
        ENTITY,
        USCC,
        _c("case_no", "案件编号", "id"),
        _c("doc_no", "决定书文号", "id", "行政处罚决定书文号", "处罚决定书文号"),
        _c("case_name", "案件名称", "text", free=True),
        _c("party_name", "当事人", "text", "当事人名称", "企业名称", "处罚对象"),
        _c("party_type", "当事人类型", "text"),
        _c("violation_type", "违法行为类型", "text", "违法行为种类", free=True),
        _c("law_basis", "处罚依据", "text"),
        _c("punish_type", "处罚类别", "text", "处罚种类"),
        _c("fine_yuan", "罚款", "amount", "罚款金额", "罚款金额(元)", "罚款(元)"),
        _c("confiscate_yuan", "没收", "amount", "没收金额", "没收违法所得"),
        _c("revoke_license", "吊销许可", "bool", "是否吊销"),
        _c("decided_on", "决定日期", "date", "处罚决定日期", "作出处罚决定日期"),
        _c("agency", "处罚机关", "text", "机关", "作出处罚机关"),
        _c("case_source", "案件来源", "text"),
        _c("filed", "是否立案", "bool"),
        _c("transferred", "是否移送司法", "bool", by="transferred_on"),
        _c("transferred_on", "移送日期", "date", by="transferred_on"),
        _c("repaired_on", "信用修复日期", "date", "修复日期", "撤销日期", by="repaired_on"),
        _c("public_until", "公示截止期", "date", "公示截止日期", future=True),
        _c("content", "决定书全文", "text", "处罚内容", free=True),
    ),
    record_id="doc_no",
    keys=("uscc", "entity_id", "party_name"),
    known_from=("decided_on",),
)

LICENSE = Table(
    "license",
    "行政许可备案",
    (
        ENTITY,
        USCC,
        _c("name", "企业名称", "text", "名称"),
        _c("license_no", "许可文件编号", "id", "许可证号", "备案编号"),
        _c("license_name", "许可文件名称", "text", "许可证名称", "许可名称"),
        _c("item", "许可内容", "text", "许可项目"),
        _c("authority", "许可机关", "text", "发证机关"),
        _c("valid_from", "有效期自", "date", "有效期起"),
        _c("valid_to", "有效期至", "date", "有效期止", future=True),
        _c("license_status", "许可状态", "text", "status", "状态"),
    ),
    record_id="license_no",
    keys=("uscc", "entity_id", "name"),
    known_from=("valid_from",),
)

ANNUAL_REPORT = Table(
    "annual_report",
    "年报",
    (
        ENTITY,
        USCC,
        _c("name", "企业名称", "text", "名称"),
        _c("report_no", "年报编号", "id"),
        _c("year", "年报年度", "int", "年度", "ANCHEYEAR", "报告年度"),
        _c("reported_on", "公示日期", "date", "填报日期", "年报日期"),
        _c("operating_state", "营运状况", "text", "经营状态"),
        _c("assets_wan", "资产总额", "wan", "资产总额(万元)", "assets"),
        _c("liabilities_wan", "负债总额", "wan", "负债总额(万元)", "liabilities"),
        _c("equity_wan", "所有者权益", "wan", "所有者权益合计", "equity"),
        _c("revenue_wan", "营业总收入", "wan", "营业收入", "revenue"),
        _c("net_profit_wan", "净利润", "wan", "net_profit"),
        _c("tax_wan", "纳税总额", "wan", "tax"),
        _c("employees", "从业人数", "int", "EMPNUM", "employees"),
        _c("insured", "社保人数", "int", "参保人数", "养老保险人数"),
        _c("report_phone", "年报电话", "id", "企业联系电话", personal="phone"),
    ),
    record_id="report_no",
    keys=("uscc", "entity_id", "name"),
    known_from=("reported_on",),
)

INSPECTION = Table(
    "inspection",
    "监督检查",
    (
        ENTITY,
        USCC,
        _c("name", "企业名称", "text", "检查对象", "名称", "business_name"),
        _c("inspection_no", "检查编号", "id", "plan_id", "计划编号", "inspection_id"),
        _c("task_name", "任务名称", "text", "计划名称", "检查任务"),
        _c("inspected_on", "检查日期", "date", "date", "抽查日期", "检查时间", "inspection_date"),
        _c("inspectors_hash", "检查人员", "id", "执法人员", "检查人", "inspector", personal="hash"),
        _c("item", "抽查事项", "text", "检查事项"),
        _c("result", "检查结果", "text", "抽查结果", "results", free=True),
        _c("selection_reason", "抽取方式", "enum", "检查来源", "选取原因"),
    ),
    record_id="inspection_no",
    keys=("uscc", "entity_id", "name"),
    known_from=("inspected_on",),
)

COMPLAINT = Table(
    "complaint",
    "投诉举报",
    (
        _c("ticket_id", "工单编号", "id", "登记编号", "投诉编号", "id", "message_id", "编号"),
        _c("channel", "渠道", "text", "来源渠道", "投诉来源", "诉求来源"),
        _c("reported_at", "登记时间", "datetime", "投诉时间", "来电时间", "time", "受理时间", "诉求时间"),
        _c("ticket_type", "业务类型", "enum", "诉求类型", "工单类型"),
        _c("title", "标题", "text", "诉求标题", "主题", free=True),
        _c("text", "诉求内容", "text", "投诉内容", "内容", "正文", "工单内容", "content", "举报内容", free=True),
        _c("complainant_name", "诉求人姓名", "text", "投诉人", "投诉人姓名", "诉求人", "来电人", personal="drop"),
        _c("complainant_hash", "诉求人电话", "id", "投诉人电话", "来电号码", "诉求人联系电话", "complainant_phone", personal="hash"),
        _c("complainant_id", "诉求人证件号", "id", "投诉人证件号", "诉求人身份证号", personal="drop"),
        _c("complainant_address", "诉求人住址", "text", "投诉人地址", "诉求人地址", personal="drop"),
        _c("complainant_age", "诉求人年龄", "int", "年龄", "投诉人年龄", personal="drop"),
        _c("complainant_gender", "诉求人性别", "text", "性别", personal="drop"),
        _c("respondent_name", "被投诉人", "text", "被投诉人名称", "被反映单位", "被投诉企业", "被举报人", "涉及企业"),
        _c("respondent_uscc", "被投诉人统一社会信用代码", "uscc", "被投诉人信用代码"),
        _c("respondent_address", "被投诉人地址", "text", free=True),
        _c("respondent_phone", "被投诉人电话", "id", personal="phone"),
        _c("object_category", "客体类别", "text", "商品服务类别", "商品/服务类别", "商品/服务类别(客体)"),
        _c("issue_category", "问题类别", "text"),
        _c("amount_yuan", "涉及金额", "amount", "涉及金额(元)", "争议金额", "涉案金额"),
        _c("demand", "诉求", "text", "投诉请求", free=True),
        _c("division_code", "事发地区划", "id", "区划代码", "行政区划代码"),
        _c("place_text", "事发地", "text", "事发地址", "事发地点", free=True),
        _c("accepted_on", "受理日期", "date", by="accepted_on"),
        _c("mediation_result", "调解结果", "text", by="closed_on"),
        _c("filed_on", "立案日期", "date", by="filed_on"),
        _c("closed_on", "办结时间", "date", "办结日期", "办理时间", by="closed_on"),
        _c("result_text", "办理结果", "text", "处理结果", "回复内容", "办理意见", by="closed_on", free=True),
        _c("recovered_yuan", "挽回损失", "amount", "挽回经济损失", by="closed_on"),
        _c("dup_of", "重复件", "id", "关联单号", "重复工单"),
        _c("satisfaction", "满意度", "text", "回访满意度", by="closed_on"),
    ),
    record_id="ticket_id",
    keys=("text", "title"),
    known_from=("reported_at",),
)

AD_MONITOR = Table(
    "ad_monitor",
    "广告监测",
    (
        ENTITY,
        USCC,
        _c("ad_no", "监测编号", "id", "ad_id", "广告编号"),
        _c("media", "媒体", "text", "媒介"),
        _c("platform", "平台", "text"),
        _c("advertiser", "广告主", "text", "广告主名称", "企业名称"),
        _c("product", "产品", "text", "商品名称"),
        _c("approval_no", "批准文号", "id", "广告审查批准文号"),
        _c("text", "广告内容", "text", "广告文本", free=True),
        _c("ocr_text", "识别文本", "text", "OCR文本", free=True),
        _c("violation_code", "违法代码", "id", "违规代码"),
        _c("first_seen", "首次发现", "date", "首次监测日期"),
        _c("last_seen", "最近发现", "date", "最近监测日期", by="last_seen"),
        _c("corrected_on", "改正日期", "date", "整改日期", by="corrected_on"),
        _c("url", "网址", "text", "链接"),
        _c("evidence_hash", "证据校验值", "id", "证据哈希"),
    ),
    record_id="ad_no",
    keys=("uscc", "entity_id", "advertiser"),
    known_from=("first_seen",),
)

OPINION = Table(
    "opinion",
    "舆情监测",
    (
        ENTITY,
        USCC,
        _c("post_no", "舆情编号", "id", "post_id", "opinion_id", "帖子编号", "信息编号"),
        _c("post_time", "发布时间", "datetime", "发帖时间", "发文时间", "published_at"),
        _c("collected_at", "采集时间", "datetime", "监测时间", "抓取时间", "发现时间"),
        _c("platform", "平台", "text", "来源平台", "媒体", "来源", "站点"),
        _c("title", "标题", "text", "帖子标题", "主题", free=True),
        _c("text", "正文", "text", "内容", "帖子内容", "摘要", "content", free=True),
        _c("url", "网址", "text", "链接", "原文链接"),
        _c("reads", "阅读量", "int", "阅读数", "浏览量", "点击量"),
        _c("reposts", "转发量", "int", "转发数"),
        _c("entity_guess", "涉及主体", "text", "涉及企业", "疑似主体", "涉事主体", "企业名称"),
    ),
    record_id="post_no",
    keys=("uscc", "entity_id", "entity_guess", "text", "title"),
    known_from=("collected_at", "post_time"),
)

REGISTRATION_CHANGE = Table(
    "registration_change",
    "变更登记",
    (
        ENTITY,
        USCC,
        _c("name", "企业名称", "text", "名称"),
        _c("change_no", "变更编号", "id"),
        _c("changed_on", "变更日期", "date", "变更时间", "核准变更日期"),
        _c("change_item", "变更事项", "text"),
        _c("before", "变更前", "text", "变更前内容", personal="drop"),
        _c("after", "变更后", "text", "变更后内容", personal="drop"),
    ),
    record_id="change_no",
    keys=("uscc", "entity_id", "name"),
    known_from=("changed_on",),
)

OUTCOME = Table(
    "outcome",
    "核查结果",
    (
        ENTITY,
        USCC,
        _c("name", "企业/项目名称", "text", "企业名称", "名称"),
        _c("clue_id", "线索编号", "id"),
        _c("checked_on", "核查日期", "date", "核查时间"),
        _c("concluded_on", "结论日期", "date", "办结日期", "反馈日期"),
        _c("conclusion", "核查结论", "enum", "结论"),
        _c("category", "涉诈类别", "text"),
        _c("measures", "处置措施", "text", free=True),
        _c("involved_yuan", "涉案金额", "amount"),
        _c("recovered_yuan", "挽回金额", "amount"),
        _c("selection_reason", "线索来源", "enum", "抽取方式", "选取原因"),
    ),
    record_id="clue_id",
    keys=("uscc", "entity_id", "name"),
    known_from=("concluded_on", "checked_on"),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        BUSINESS,
        ABNORMAL_LISTING,
        SERIOUS_VIOLATION,
        PENALTY,
        LICENSE,
        ANNUAL_REPORT,
        INSPECTION,
        COMPLAINT,
        AD_MONITOR,
        OPINION,
        REGISTRATION_CHANGE,
        OUTCOME,
    )
}


def get_table(name: str) -> Table:
    """Return the canonical table of that name, or of that Chinese name.

    Raises
    ------
    NotFoundError
        Names the tables there are.

    Examples
    --------
    >>> get_table("penalty").record_id
    'doc_no'
    >>> get_table("行政处罚").name
    'penalty'
    """
    if name in TABLES:
        return TABLES[name]
    for table in TABLES.values():
        if table.zh == name:
            return table
    raise NotFoundError(f"there is no table '{name}'", mend="use one of " + ", ".join(f"{t.name} ({t.zh})" for t in TABLES.values()))


_READ = (
    "category",
    "confidence",
    "secondary",
    "tactics",
    "stage",
    "elderly",
    "read_amount",
    "amount_added",
    "promised_return",
    "professional_claim",
    "person_key",
)
"""What reading a complaint adds to it (see :mod:`fraudrisk.complaints`)."""

_DERIVED = ("business_id", "happened_on", "age_days")
"""What linking and the date of a run add to every row; ``age_days`` counts from the fact to that date."""


def fact_columns(name: str) -> tuple[str, ...]:
    """Columns a feature of table `name` may use; empty where there is no such table.

    Examples
    --------
    >>> "age_days" in fact_columns("penalty"), "complainant_name" in fact_columns("complaint"), fact_columns("nothing")
    (True, False, ())
    """
    if name not in TABLES:
        return ()
    own: list[str] = []
    for column in TABLES[name].columns:
        if column.personal == "phone":
            own += [f"{column.name}_hash", f"{column.name}_masked"]
        elif column.personal != "drop":
            own.append(column.name)
    more = _READ if name == "complaint" else ("sector", "watch", "district") if name == "business" else ()
    return (*own, *more, "record_id", "known_at", *_DERIVED)
