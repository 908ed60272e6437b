"""What people say and what descriptions of tools say for the same: the field's words in Chinese and in everyday
English, whether a question asks to see something or to change it, and which platform it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

_CHINESE = {
    "日志": "log logs", "打印": "log logs output", "输出": "log output", "控制台": "console log", "容器": "container",
    "镜像": "image", "卷": "volume", "存储": "storage volume", "磁盘": "disk usage df", "内存": "memory stats",
    "负载": "load usage", "资源": "resource", "指标": "metric metrics", "告警": "alert alerts", "警报": "alert alerts",
    "静默": "silence", "规则": "rule rules", "仪表盘": "dashboard", "看板": "dashboard", "面板": "panel",
    "节点": "node nodes", "主机": "host node", "集群": "cluster clusters", "命名空间": "namespace namespaced",
    "服务": "service", "部署": "deployment deploy", "副本": "replicas", "扩容": "scale replicas",
    "缩容": "scale replicas", "伸缩": "scale autoscaler", "配置": "config configuration", "密钥": "secret key",
    "证书": "certificate", "令牌": "token", "权限": "permission role", "角色": "role", "绑定": "binding",
    "用户": "user users", "账号": "account user", "账户": "account user", "登录": "login session",
    "组织": "organization org",
    "团队": "team teams", "成员": "member members", "仓库": "repository repo", "分支": "branch branches",
    "标签": "tag label", "提交": "commit", "合并请求": "pull request merge", "合并": "merge pull request",
    "议题": "issue", "问题单": "issue", "评论": "comment", "回复": "comment reply", "流水线": "pipeline",
    "构建": "build", "任务": "job task", "作业": "job", "定时任务": "cron job", "发布": "release",
    "版本": "version release",
    "回滚": "rollback undo", "退回": "rollback", "回退": "rollback", "同步": "sync synchronize",
    "应用": "application app",
    "项目": "project", "事件": "event events", "历史": "history", "差异": "diff", "状态": "status state",
    "健康": "health", "网络": "network", "路由": "route ingress", "入口": "ingress", "策略": "policy",
    "连接": "connect",
    "队列": "queue", "消息": "message", "主题": "topic", "索引": "index", "数据库": "database", "表": "table",
    "查询": "query", "搜索": "search", "查找": "search find", "文件": "file", "目录": "directory contents",
    "钩子": "hook webhook", "插件": "plugin", "镜像仓库": "registry", "注册表": "registry", "缓存": "cache",
    "进程": "process top", "时间": "time", "里程碑": "milestone", "分叉": "fork", "复刻": "fork", "星标": "star",
    "驱逐": "eviction evict", "污点": "taint", "限额": "quota", "配额": "quota", "探针": "probe",
    "暂停": "pause", "恢复": "resume restore unpause", "启动": "start", "停止": "stop", "停掉": "stop terminate",
    "重启": "restart", "终止": "terminate kill", "强制": "force kill", "杀": "kill", "创建": "create", "新建": "create",
    "生成": "create generate", "添加": "add create", "删除": "delete remove", "清理": "prune delete unused",
    "清空": "prune delete", "修改": "update edit", "更新": "update", "重命名": "rename", "拉取": "pull create",
    "推送": "push", "列出": "list", "哪些": "list", "所有": "list all", "全部": "list all", "导出": "export",
}  # fmt: skip
_ENGLISH = {
    r"print(?:s|ed|ing)?|wrote to stdout|stdout|stderr|console": "log logs",
    r"crash(?:es|ed|ing)?|die[sd]?|dying": "log logs status events",
    r"disk|full|space": "disk usage df",
    r"machines?|hosts?|servers?|workers?": "node nodes",
    r"images? from|download(?:s|ed)?": "pull create image",
    r"ya?ml": "manifest manifests",
    r"roll(?:s|ed)? back|go back|previous version|undo": "rollback",
    r"deploy(?:s|ed)?|ship|roll out": "sync deployment rollout",
    r"out of sync|drift(?:s|ed)?": "application sync status",
    r"prs?|merge requests?|mrs?": "pull request",
    r"tickets?|bugs?": "issue",
    r"repl(?:y|ies)|answer": "comment",
    r"apps?": "application",
    r"repos?": "repository",
    r"signed in|logged in|log in|whoami|who am i": "session user userinfo",
    r"permissions?|may i|can i|allowed to": "can permission access",
    r"processes": "top process",
    r"cpu|memory|ram": "stats usage metrics",
    r"reach(?:es|able)?|check that": "validate check",
    r"alive|reachable|up at all|responds?": "ping health status",
    r"happen(?:s|ed|ing)?|going on": "events",
    r"freeze|suspend": "pause",
    r"clean(?:s|ed)? up|unused|dangling": "prune unused",
    r"webhooks?": "hook",
    r"volumes? claims?|pvcs?": "persistent volume claim",
    r"autoscal\w+|hpas?": "horizontal pod autoscaler",
    r"config ?maps?": "config map",
    r"cron ?jobs?": "cron job",
    r"who|authors?": "user author",
    r"(?:which|what|all)": "list",
}
_CHANGES = re.compile(
    r"\b(?:add|allow|apply|approve|assign|attach|block|build|cancel|change|close|comment|configure|connect|cordon|create"
    r"|delete|deploy|disable|disconnect|drain|drop|edit|enable|evict|execute|fork|freeze|generate|grant|import|install"
    r"|invalidate|join|kill|leave|lock|make|merge|mute|patch|pause|prune|pull|purge|push|put|rebuild|register|reload|remove"
    r"|rename|replace|reply|rerun|reset|resize|restart|restore|resume|revert|revoke|roll|rotate|run|scale|send|set|silence"
    r"|start|stop|suspend|sync|tag|terminate|transfer|trigger|undo|uninstall|unlock|unpause|update|upgrade|upload|clean"
    r"|give|clear|open a|ship|move|copy|star|subscribe|validate)\b"
    r"|创建|新建|添加|增加|加一|加上|删除|移除|去掉|清理|清空|修改|更改|更新|设置|重启|重新|启动|停止|停掉|终止|杀|干掉|强制|强行|扩容"
    r"|缩容|扩到|回滚|退回|回退|同步|合并|关闭|打开|触发|执行|(?<!正在)运行(?![中着的])|部署|发布|暂停|恢复|重命名|拉取|推送|接到|断开|驱逐|静默|评论|回复|生成"
    r"|授权|撤销|安装|卸载|升级|导入|上传|迁移|锁定|解锁|订阅",
    re.IGNORECASE,
)
_NOT_WORD = re.compile(r"[\W_]+")
_SHORTEST_SOURCE = 4
_LONGEST = 2_000
_PHRASES = tuple((re.compile(rf"\b(?:{phrase})\b", re.IGNORECASE), words) for phrase, words in _ENGLISH.items())


def expanded(question: str) -> str:
    """The question, followed by what descriptions of tools may say for its words."""
    question = question[:_LONGEST]
    more = [words for term, words in _CHINESE.items() if term in question]
    more += [words for phrase, words in _PHRASES if phrase.search(question)]
    return " ".join([question, *more])


def asks_to_change(question: str) -> bool:
    """Whether the question holds a word for doing something, other than looking."""
    return _CHANGES.search(question[:_LONGEST]) is not None


def named_sources(question: str, sources: Iterable[str]) -> frozenset[str]:
    """Those of the sources that the question names, however their names are cut into words."""
    words = [word for word in _NOT_WORD.sub(" ", question[:_LONGEST].lower()).split() if word]
    joined = {*words, *(first + second for first, second in pairwise(words))}
    found = set()
    for source in sources:
        name = _NOT_WORD.sub("", source.lower())
        if len(name) >= _SHORTEST_SOURCE and (
            name in joined or any(len(word) >= _SHORTEST_SOURCE and name.startswith(word) for word in words)
        ):
            found.add(source)
    return frozenset(found)
