"""Tools are found by what they mean, and no text is embedded twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np

from agents.events import Risk
from agents.tools.meaning import ToolMeanings
from agents.tools.openapi.naming import argument_name, snake, tool_name
from agents.tools.ports import ToolSpec
from agents.tools.search import ToolSearch
from agents.tools.wording import asks_to_change
from knowledge.ports import Vectors
from knowledge.types import Language


class Topics:
    """An embedder with one dimension for each of its words."""

    name = "topics"
    languages: frozenset[Language] = frozenset({"en"})
    words = (("restart", "重启"), ("container", "容器"), ("node", "节点"), ("version", "第几代"))
    dimension = len(words)

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        rows = [[float(any(word in text for word in words)) for words in self.words] for text in texts]
        return np.array(rows, dtype=np.float32)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed_documents([text])[0]
        return vector


def spec(name: str, description: str) -> ToolSpec:
    return ToolSpec(name=name, description=description, parameters={"type": "object"}, risk="read", source="docker")


SPECS = [
    spec("docker_restart", "Restart a container (POST /containers/{id}/restart)"),
    spec("docker_nodes", "List every node (GET /nodes)"),
    spec("docker_info", "Tell the version (GET /info)"),
]


def test_a_question_in_another_language_finds_its_tool() -> None:
    embedder = Topics()
    search = ToolSearch(ToolMeanings(embedder))
    assert next(each.name for each in search.ranked("重启容器", SPECS)) == "docker_restart"
    assert next(each.name for each in search.ranked("节点", SPECS)) == "docker_nodes"
    assert sum("version" in text for text in embedder.embedded) == 1
    assert "POST" not in "".join(embedder.embedded)
    assert ToolMeanings(embedder)("", SPECS) == {}
    assert ToolMeanings(embedder)("x", []) == {}


def test_many_tools_are_found_by_words_until_their_vectors_are_made() -> None:
    embedder, going_on = Topics(), threading.Event()
    make = embedder.embed_documents

    def held(texts: Sequence[str]) -> Vectors:
        going_on.wait(30)
        return make(texts)

    embedder.embed_documents = held  # type: ignore[method-assign]
    search = ToolSearch(ToolMeanings(embedder, patience_s=0.05))
    many = [*SPECS, *(spec(f"other_{number}", f"Number {number}") for number in range(500))]
    assert search.ranked("第几代", many) == []
    assert [each.name for each in search.ranked("version", many)] == ["docker_info"]
    going_on.set()
    while not search.ranked("第几代", many):
        time.sleep(0.01)
    assert search.ranked("第几代", many)[0].name == "docker_info"
    assert len([text for text in embedder.embedded if "Number" in text]) == 500, "each is made once"


def test_names_are_safe_and_unique() -> None:
    assert snake("listCoreV1NamespacedPod") == "list_core_v1_namespaced_pod"
    assert snake("HTTPServerError42") == "http_server_error42"
    taken: dict[str, int] = {}
    for path in ("/a", "/b", "/a/{x}"):
        taken[tool_name("Shop API", "getThing", "GET", path, taken)] = 1
    assert len(taken) == 3
    assert all(len(name) <= 64 and name.startswith("shop_api_get_thing") for name in taken)
    assert tool_name("", "", "GET", "/%%%", {}) == "api_get"
    assert len(tool_name("x", "a" * 500, "GET", "/", {})) <= 64
    assert argument_name("X-Request-ID", "header", ["x_request_id"]) == "x_request_id_header"
    assert argument_name("1", "query", []) == "p_1"


def test_questions_say_in_their_words_what_tools_say_in_theirs() -> None:
    def tool(name: str, source: str, risk: Risk, description: str) -> ToolSpec:
        parameters = {"type": "object", "properties": {}}
        return ToolSpec(name=name, description=description, parameters=parameters, risk=risk, source=source)

    tools = [
        tool("node_list", "docker", "read", "List nodes"),
        tool("node_delete", "docker", "destructive", "Delete a node"),
        tool("node_update", "docker", "write", "Update a node"),
        tool("argocd_rollback", "argocd", "write", "Roll an application back"),
        tool("argocd_get", "argocd", "read", "Get an application"),
        tool("other_get", "other", "read", "Get an application"),
    ]

    def first(question: str) -> str:
        return ToolSearch().ranked(question, tools)[0].name

    assert first("集群里有哪些节点") == "node_list"
    assert first("which machines are there") == "node_list"
    assert first("删除节点") == "node_delete"
    assert first("show the application in argo cd") == "argocd_get"
    assert first("argo cd 里把应用退回到上一个版本") == "argocd_rollback"
    assert asks_to_change("重启服务")
    assert not asks_to_change("列出正在运行的容器")
