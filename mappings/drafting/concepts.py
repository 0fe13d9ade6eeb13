"""
What the trades call things, in English and Chinese: the words by which a foreign key is recognised.

A closed list in plain sight instead of a model: whoever finds a word missing adds it here.
"""

from __future__ import annotations

ENTITIES: dict[str, str] = {
    "device": "device machine equipment host asset unit node 设备 机器 机台 主机 装置",
    "product": "product material item inventory inv part article goods sku spare mat 物料 存货 商品 产品 配件 备件 料品 零件",
    "customer": "customer cust client account buyer partner 客户 顾客 往来单位",
    "supplier": "supplier vendor ven provider 供应商 供货商",
    "ticket": "ticket issue case workorder incident request task 工单 任务单 报修单 服务单",
    "alert": "alert alarm problem trigger warning event 告警 报警 预警 事件",
    "order": "order po so purchase sales bill 订单 采购单 销售单 单据",
    "employee": "employee staff person user worker operator 员工 人员 用户 职员",
    "warehouse": "warehouse wh depot store 仓库 库房",
    "department": "department dept division 部门",
    "fault": "fault failure defect 故障 缺陷",
}
"""Entity -> what others call such a thing; an entity that is not here has its own name and title."""

FIELDS: dict[str, str] = {
    "title": "title subject summary headline name topic 标题 主题 概要 题目 名称",
    "name": "name label fullname displayname 名称 姓名 全称 名",
    "code": "code number no num sku 编码 编号 代码 料号 号码",
    "number": "number no num code id billno key 编号 单号 号码 单据编号 工单号",
    "quantity": "quantity qty onhand stock count 数量 库存 现存量 库存数量 库存量",
    "unit": "unit uom measure 单位 计量单位",
    "price": "price cost unitprice 价格 单价",
    "amount": "amount total sum money 金额 总额",
    "status": "status state stage 状态",
    "priority": "priority prio urgency 优先级 紧急程度 优先",
    "severity": "severity level grade 级别 等级 严重程度 严重级别 严重性",
    "started_at": "start started begin began onset occurred occur clock opened 开始时间 发生时间 起始时间 触发时间",
    "ended_at": "end ended finish finished recovery recovered 结束时间 恢复时间 完成时间",
    "created_at": "created creation create 创建时间 创建日期 建立时间 制单日期 提交时间 提交日期",
    "changed_at": "changed modified updated modify update activity 修改时间 更新时间 修改日期",
    "date": "date day 日期 单据日期",
    "due_at": "due deadline 截止时间 到期日 要求完成时间",
    "description": "description desc text body content 描述 说明 内容 故障描述",
    "details": "details detail opdata measured operational 详情 明细 当前数据",
    "note": "note remark memo comment 备注 注释",
    "location": "location place position 位置 地点 安装位置 存放地点",
    "site": "site plant factory city 厂区 工厂 站点 城市",
    "serial": "serial sn serialno serialnumber 序列号 出厂编号",
    "model": "model specification spec 型号 规格 规格型号",
    "vendor": "vendor manufacturer brand maker 厂商 制造商 品牌 生产厂家",
    "ip": "ip ipaddress ipaddr ip地址",
    "asset": "asset assettag assetno 资产编号 资产 固定资产编号",
    "host": "host hostname 主机名 主机",
    "url": "url link page web href 链接 网址",
    "changed_by": "actor modifier changedby updatedby editor 修改人 更新人",
    "created_by": "creator createdby author reporter 创建人 制单人 报修人",
    "assignee": "assignee assigned assignedto owner technician 负责人 处理人 维修人",
    "email": "email mail 邮箱 电子邮件",
    "phone": "phone mobile tel telephone cell 电话 手机 手机号 联系电话",
    "address": "address addr 地址 详细地址",
    "order_point": "reorder orderpoint min minimum minquantity safety safetystock safe safestock 再订货点 安全库存 最低库存",
    "target": "target max maximum targetquantity top 目标库存 最高库存",
    "acknowledged": "acknowledged ack confirmed 已确认 是否确认",
    "closable": "closable manualclose 允许手动关闭",
    "machine": "machine equipment device host 机器 设备 机台",
    "part": "part sparepart spare 备件 配件",
    "event_id": "eventid event 事件编号",
    "monitored": "monitored enabled active status 是否监控 启用",
    "tax_id": "taxid uscc creditcode 统一社会信用代码 税号 纳税人识别号",
}
"""Field -> other words for it, the most usual first."""

GENERIC = frozenset(
    ("id", "no", "num", "number", "code", "key", "name", "value", "type", "label", "text", "编号", "编码", "名称")
)
"""Words that say nothing alone: whose number, whose name?"""

WORDS: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in """
        open new unread problem active firing created pending todo unresolved triggered opened deferred draft alarm
        未处理 待处理 新建 打开 告警 触发 未解决 待派单 已提交 告警中 待受理 未开始
    --- in_progress inprogress progress processing chatting testing assigned working acknowledged accepted started need-eg
        running 处理中 进行中 已派单 已受理 维修中 已接单 执行中
    --- resolved done fixed ok recovered recovery completed finished solved done-cbb 已解决 已完成 恢复 已恢复 完成 解决 完工
    --- closed close archived 已关闭 关闭 已归档 已结案
    --- cancelled canceled rejected withdrawn 已取消 取消 已作废 作废 已撤销
    --- critical highest blocker disaster fatal p0 1级 特急 灾难 致命 最高
    --- urgent high major p1 紧急 高 严重 加急
    --- normal medium mid average moderate bug standard p2 普通 一般 中 正常 常规
    --- low minor trivial feature wish lowest info information p3 p4 低 轻微 次要 提示
    --- true yes y t on enabled monitored active 1 是 有 启用 真 已启用 已确认
    --- false no n f off disabled unmonitored inactive 0 否 无 禁用 假 停用 未启用 未确认
    """.split("---")  # noqa: SIM905 - a list of lists would hide the words
)
"""Words of states, priorities and claims that mean the same; of two groups the first that leads to one of ours counts."""
