"""The words that announce parts of what a model writes when it calls tools in text, in several languages."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["name", "input", "observation", "thought", "final"]

_WORDS: dict[Kind, str] = {
    "name": "action|tool|tool name|tool call|tool to use|tool used|use tool|function|function name|function call|"
    "call|action name|next action|行动|动作|操作|工具|工具名|工具名称|调用|调用工具|使用工具|工具调用|函数|函数名|"
    "アクション|行動|ツール|aktion|werkzeug|acción|accion|herramienta|outil|ação|ferramenta|azione|strumento|"
    "действие|инструмент|행동|도구",
    "input": "action input|action inputs|input|tool input|function input|arguments|args|argument|tool arguments|"
    "tool args|function arguments|action arguments|action args|parameters|params|parameter|action parameters|"
    "tool parameters|行动输入|动作输入|操作输入|输入|参数|工具输入|工具参数|调用参数|行动参数|函数参数|"
    "アクション入力|アクションの入力|行動入力|入力|引数|aktionseingabe|eingabe der aktion|eingabe|"
    "argumente|entrada de acción|entrada de la acción|entrada da ação|entrada|"
    "argumentos|parámetros|entrée de l'action|entrée|paramètres|input azione|аргументы|параметры|ввод|"
    "행동 입력|입력|인수",
    "observation": "observation|observations|tool result|tool output|tool response|observation result|观察|观测|"
    "观察结果|工具结果|工具输出|観察|観測|beobachtung|observación|observacion|osservazione|observação|наблюдение|"
    "результат|관찰|결과",
    "thought": "thought|thoughts|thinking|reasoning|思考|想法|推理|思路|考え|gedanke|überlegung|pensamiento|pensée|"
    "pensiero|pensamento|мысль|생각",
    "final": "final answer|final response|最终答案|最终回答|最终答复|最終回答|最終的な答え|endgültige antwort|"
    "respuesta final|réponse finale|risposta finale|resposta final|окончательный ответ|최종 답변|최종 답",
}
KINDS: dict[str, Kind] = {word: kind for kind, words in _WORDS.items() for word in words.split("|")}
STRICT_NAMES = frozenset(
    {"action", "tool call", "function call", "next action", "use tool", "行动", "动作", "调用工具", "工具调用"}
)
"""Names that announce a call even in the middle of a line."""

COLON = "[:：=﹕︰]"
_ALTERNATIVES = "|".join(
    re.escape(word).replace(r"\ ", "[ _-]?") for word in sorted(KINDS, key=lambda word: (-len(word), word))
)
_MARKS = r"(?:\*{1,3}|__?|`|\[|【|「)?"
_END_MARKS = r"(?:\*{1,3}|__?|`|\]|】|」)?"
_AFTER = rf"[ \t]{{0,4}}#?\d{{0,2}}[ \t]{{0,4}}{_END_MARKS}[ \t]{{0,4}}{COLON}[ \t]{{0,4}}{_END_MARKS}"
# A quoted line (>) announces nothing: it repeats what others wrote.
LABEL = re.compile(
    rf"(?:(?P<line>^[ \t]{{0,8}}(?:[-+•#]{{1,6}}[ \t]{{0,4}}|\d{{1,2}}[.)][ \t]{{0,4}})?{_MARKS}[ \t]{{0,4}})"
    rf"|(?<!>[ >])(?<=[\s.,;:!?。，；：！？、)\]}}\"']){_MARKS})(?P<word>{_ALTERNATIVES}){_AFTER}",
    re.IGNORECASE | re.MULTILINE,
)
_ANY_LABEL = re.compile(
    rf"^[ \t]{{0,8}}{_MARKS}[ \t]{{0,4}}([^\W\d_][^\W\d]{{1,11}}(?:[ _-]?[^\W\d_]{{2,12}})?){_AFTER}", re.MULTILINE
)
_LONGEST_LABEL = 48
_SPACES = re.compile(r"[ _-]+")


def kind_of(word: str) -> Kind | None:
    """What a label announces; one with a letter or two wrong, of those of English, is what it almost is."""
    plain = _SPACES.sub(" ", word.strip().lower())
    return KINDS.get(plain) or _JOINED.get(plain.replace(" ", "")) or _nearly(plain)


_JOINED: dict[str, Kind] = {word.replace(" ", ""): kind for word, kind in KINDS.items()}
_FUZZY = ("action", "action input", "arguments", "parameters", "observation", "thought", "final answer", "tool input")


def _nearly(plain: str) -> Kind | None:
    from rapidfuzz.distance import OSA

    if not 5 <= len(plain) <= 14 or not plain.isascii():
        return None
    for known in _FUZZY:
        if OSA.distance(plain.replace(" ", ""), known.replace(" ", ""), score_cutoff=2) <= (1 if len(known) < 8 else 2):
            return KINDS[known]
    return None


class Label:
    """A label in a text: what it announces, where it begins and where what it announces begins."""

    __slots__ = ("end", "is_line_start", "is_strict", "kind", "start")

    def __init__(self, kind: Kind, start: int, end: int, *, is_line_start: bool, is_strict: bool) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.is_line_start = is_line_start
        self.is_strict = is_strict


def find_labels(text: str) -> list[Label]:
    """The labels of a text in order. Those in the middle of a line count only where nothing else is meant by them."""
    found: dict[int, Label] = {}
    for match in LABEL.finditer(text):
        word = _SPACES.sub(" ", match["word"].lower())
        at_line_start = match["line"] is not None
        kind = kind_of(word)
        strict = word in STRICT_NAMES or kind in ("observation", "final") or (kind == "input" and " " in word)
        if kind is not None and (at_line_start or strict):
            found[match.end()] = Label(kind, match.start(), match.end(), is_line_start=at_line_start, is_strict=strict)
    for match in _ANY_LABEL.finditer(text):
        if match.end() not in found:
            kind = _nearly(_SPACES.sub(" ", match.group(1).lower()))
            if kind is not None:
                found[match.end()] = Label(kind, match.start(), match.end(), is_line_start=True, is_strict=False)
    return [found[end] for end in sorted(found)]


_ENDS = "|".join(
    re.escape(word).replace(r"\ ", "[ _-]?")
    for kind in ("observation", "thought", "final", "name")
    for word in sorted(_WORDS[kind].split("|"), key=lambda word: (-len(word), word))
)
STOP = re.compile(
    rf"```|~~~|</|<\||(?i:{_MARKS}(?:{_ENDS}){_AFTER})|"
    r"[A-Z\u3400-\u9fff][^\s\"'{}\[\]:：=,，]{0,60}(?!\s{0,20}[:：=\w])|"
    r"[A-Z][^\s\"'{}\[\]:：=,]{0,60}[ \t][^\s\"'{}\[\]:：=,]{1,60}[ \t,.]"
)
"""What ends an object whose last brackets are missing: the end of a fence or a tag, the next label, prose."""


def may_become_label(line: str) -> bool:
    """Whether the beginning of a line, as far as it has come, may be the beginning of a label."""
    if len(line) > _LONGEST_LABEL or ">" in line[:2]:
        return False
    rest = _SPACES.sub(" ", line.lstrip(" \t-+•#*_`[【「0123456789.)").lower())
    if not rest:
        return True
    return any(word.startswith(rest) or rest.startswith(word) for word in KINDS)
