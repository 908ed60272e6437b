"""What commands say of their own, in the language of whoever types them."""

from __future__ import annotations

from knowledge.text.analysis import language_of

_TEXTS = {
    "en": {
        "help": "Commands work without a language model. Type `/` and a name; `//` at the beginning makes it an "
        "ordinary question.",
        "commands": "**Commands**",
        "groups": "**Groups of tools**",
        "tools": "**Tools** ({count})",
        "more": "… and {count} more: `/tools words` finds them.",
        "now": "**Modes that work now**",
        "with_model": "**With a language model** (add one under Models)",
        "lacking": "**Lacking something else**",
        "unknown": "There is no command `/{name}`.",
        "did_you_mean": "Did you mean {names}?",
        "see_help": "`/help` lists what there is.",
        "usage": "Write: `{usage}`",
        "off": "`/{name}` cannot be used now: {reason}",
        "missing": "`{name}` is missing. {allowed}",
        "ask": "{name} ({kind})",
        "not_given": "Nothing was done: `{name}` was not given.",
        "members": "Say which: {names}.",
        "no_tools": "No tool fits these words.",
        "no_tools_at_all": "There are no tools yet.",
        "no_document": "No document has {path} in its path or title.",
        "which_document": "Several documents fit. Open one of them:",
        "failed": "The call failed: {reason}",
        "denied": "Nothing was done: {reason}",
        "not_decided": "nobody decided on it in time.",
        "rejected": "a person rejected it.",
        "rejected_why": "a person rejected it: {why}",
        "propose": "Choosing tools by itself takes a language model. These commands are nearest to your words; fill "
        "them in and send them:",
        "propose_none": "This mode takes a language model, and no tool fits your words. `/help` lists what works now.",
        "note": "({text})",
        "between": ", ",
        "group": "One of the {count} tools of {source}: {names}",
        "asks": "asks first",
        "asks_twice": "asks twice",
        "rows": "… {count} more rows.",
        "model": "language model",
        "sandbox": "sandbox",
        "repositories": "code repositories",
        "web_search": "web search",
        "cut": "The output was cut; all of it is kept with the run.",
        "belongs_nowhere": "{words} belongs to no argument: write key=value. {allowed}",
        "twice_by_words": "{name} is given twice: by name, and by {words}.",
        "twice": "{name} is given twice.",
        "too_many": "There are more than {count} arguments.",
        "no_such_but": "There is no argument {name}; did you mean {near}?",
        "no_such": "There is no argument {name}. {allowed}",
        "quote_open": "{name}: the quote that begins at character {position} is not closed.",
        "bracket_open": "{name}: {opening} at character {position} is not closed by {closing}.",
        "must_be": "{name} must be {kind}, not {given}.",
        "takes": "It takes: {names}{more}.",
        "takes_nothing": "It takes no arguments.",
        "required": "{kind}, required",
        "one_of": "one of {names}",
        "or": " or ",
    },
    "zh": {
        "help": "命令不需要语言模型。输入 `/` 和名称即可；以 `//` 开头则作为普通问题。",
        "commands": "**命令**",
        "groups": "**工具组**",
        "tools": "**工具**（{count} 个）",
        "more": "…… 还有 {count} 个：用 `/tools 关键词` 查找。",
        "now": "**现在可用的模式**",
        "with_model": "**需要语言模型**（在“模型”页添加）",
        "lacking": "**还缺其他条件**",
        "unknown": "没有命令 `/{name}`。",
        "did_you_mean": "您是不是想用 {names}？",
        "see_help": "`/help` 列出全部命令。",
        "usage": "用法：`{usage}`",
        "off": "`/{name}` 现在不可用：{reason}",
        "missing": "缺少 `{name}`。{allowed}",
        "ask": "{name}（{kind}）",
        "not_given": "未执行：没有给出 `{name}`。",
        "members": "请指明其中之一：{names}。",
        "no_tools": "没有符合这些词的工具。",
        "no_tools_at_all": "还没有工具。",
        "no_document": "没有路径或标题包含 {path} 的文档。",
        "which_document": "有多个文档符合，请打开其中之一：",
        "failed": "调用失败：{reason}",
        "denied": "未执行：{reason}",
        "not_decided": "没有人及时作出决定。",
        "rejected": "有人拒绝了此调用。",
        "rejected_why": "有人拒绝了此调用：{why}",
        "propose": "自动选择工具需要语言模型。下面的命令与您的话最接近，请补全后发送：",
        "propose_none": "此模式需要语言模型，也没有符合您的话的工具。`/help` 列出现在可用的功能。",
        "note": "（{text}）",
        "between": "、",
        "group": "{source} 的 {count} 个工具之一：{names}",
        "asks": "先询问",
        "asks_twice": "询问两次",
        "rows": "…… 还有 {count} 行。",
        "model": "语言模型",
        "sandbox": "沙箱",
        "repositories": "代码仓库",
        "web_search": "网络搜索",
        "cut": "输出已截断，完整内容保存在运行记录中。",
        "belongs_nowhere": "{words} 不属于任何参数：请写成 key=value。{allowed}",
        "twice_by_words": "{name} 给出了两次：一次按名称，一次是 {words}。",
        "twice": "{name} 给出了两次。",
        "too_many": "参数超过 {count} 个。",
        "no_such_but": "没有参数 {name}；您是不是想用 {near}？",
        "no_such": "没有参数 {name}。{allowed}",
        "quote_open": "{name}：从第 {position} 个字符开始的引号没有结束。",
        "bracket_open": "{name}：第 {position} 个字符处的 {opening} 缺少对应的 {closing}。",
        "must_be": "{name} 应为{kind}，而不是 {given}。",
        "takes": "可用参数：{names}{more}。",
        "takes_nothing": "它不接受参数。",
        "required": "{kind}，必填",
        "one_of": "以下之一：{names}",
        "or": "或",
    },
}

_KINDS = {
    "string": "文本",
    "integer": "整数",
    "number": "数字",
    "boolean": "true 或 false",
    "array": "列表",
    "object": "JSON 对象",
    "null": "null",
    "any": "任意值",
}


class Wording:
    """Sentences in one language."""

    def __init__(self, language: str) -> None:
        self.language = "zh" if language == "zh" else "en"

    def __call__(self, key: str, **values: object) -> str:
        return _TEXTS[self.language][key].format(**values)

    def kind(self, name: str) -> str:
        """What a JSON Schema calls a type, for people."""
        return _KINDS.get(name, name) if self.language == "zh" else name


def language_for(text: str, before: str = "") -> str:
    """The language of what follows a command's name, else of what was said before."""
    words = text.partition(" ")[2] or ("" if text.isascii() else text)
    for said in (words, before):
        if any(letter.isalpha() for letter in said):
            return language_of(said)
    return "en"
