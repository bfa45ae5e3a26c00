"""PluginHost: finding, blocking, quarantine, names, attribution."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from qatk.api import Component, Options
from qatk.errors import PluginError, QatkWarning, UsageError
from qatk.plugins.host import PluginHost
from qatk.plugins.live import Live, LiveDecoder
from qatk.plugins.protocols import PROTOCOLS
from qatk.plugins.registered import Plugin, Registered
from qatk.plugins.validation import check_component
from qatk.recipes.recipe import parse_recipe

DECODER = """
from qatk.api import Component, NoOptions, hookimpl

class Nothing:
    def __init__(self, options): ...
    def decode(self, examples, features, scores):
        raise KeyError("oops")

@hookimpl
def qatk_decoders():
    return [Component("{name}", Nothing, summary="answers nothing")]
"""


def plugin_file(folder: Path, name: str, text: str) -> str:
    (folder / f"{name}.py").write_text(text)
    return str(folder / f"{name}.py")


def test_the_built_ins_come_through_the_entry_points(host: PluginHost) -> None:
    found = {(r.kind, r.name): r.plugin for r in host.components()}
    assert found["decoder", "min-null"].name == "decoders"
    assert found["decoder", "min-null"].distribution == "qatk"
    assert {kind for kind, _ in found} == set(PROTOCOLS)
    assert not [p for p in host.plugins if p.error]


def test_entry_points_are_those_that_python_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for site, groups in (("later", {"both": "qatk", "mine": "qatk", "other": "qatk"}), ("first", {"both": "console"})):
        for name, group in groups.items():
            info = tmp_path / site / f"x_{name}-1.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: x-{name}\nVersion: 1\n")
            (info / "entry_points.txt").write_text(f"[{group}]\nx-{name} = nothing\n")
        monkeypatch.syspath_prepend(tmp_path / site)
    found = [(entry.name, entry.value) for entry in PluginHost.discover(environ={}).entries]
    assert sorted(found) == sorted((entry.name, entry.value) for entry in entry_points(group="qatk"))
    assert {name for name, value in found if value == "nothing"} == {"x-mine", "x-other"}


def test_every_built_in_keeps_its_protocol(host: PluginHost) -> None:
    for registered in host.components():
        assert registered.cls().__module__.startswith("qatk_builtin.")


def test_a_built_in_is_imported_where_its_kind_is_asked_for(tmp_path: Path) -> None:
    host = PluginHost.discover(files=[plugin_file(tmp_path, "other", "x = 1")], environ={})
    assert host.plugins == []
    metrics = host.components("metric")
    assert [plugin.name for plugin in host.plugins if plugin.distribution == "qatk"] == ["metrics"]
    assert "other" in [plugin.name for plugin in host.plugins], "what it has is known only once it is loaded"
    everything = host.components()
    assert {r.kind for r in everything if r.is_built_in} == set(PROTOCOLS)
    assert all(f"{r.kind}s" == r.plugin.name for r in everything if r.is_built_in), "else it would not be found"
    assert host.components("metric") == metrics


def test_hooks_and_protocols_are_as_many() -> None:
    from qatk import hookspecs

    hooks = [name for name in vars(hookspecs) if name.startswith("qatk_")]
    assert sorted(hooks) == sorted(f"qatk_{kind}s" for kind in PROTOCOLS)


def test_a_plugin_file_is_found_and_attributed(tmp_path: Path) -> None:
    host = PluginHost.discover(files=[plugin_file(tmp_path, "mine", DECODER.format(name="nothing"))], environ={})
    registered = host.find("decoder", "nothing")
    assert registered.plugin.name == "mine"
    decoder = LiveDecoder.build(registered, registered.component.options())
    with pytest.raises(KeyError) as caught:
        decoder.decode(None, None, None)  # type: ignore[arg-type]
    assert caught.value.__notes__ == [f"raised in {registered}, during decoding"]  # type: ignore[attr-defined]
    assert "decoder 'nothing' of plugin mine" in str(registered)


def test_a_broken_plugin_is_quarantined_and_others_work(tmp_path: Path) -> None:
    files = [
        plugin_file(tmp_path, "raises", "import no_such_module_anywhere"),
        plugin_file(
            tmp_path, "late", "from qatk.api import hookimpl\n@hookimpl\ndef qatk_heads(): raise ValueError('x')"
        ),
        plugin_file(tmp_path, "wrong", "from qatk.api import hookimpl\n@hookimpl\ndef qatk_heads(): return ['linear']"),
        plugin_file(tmp_path, "typo", "from qatk.api import hookimpl\n@hookimpl\ndef qatk_head(): return []"),
    ]
    host = PluginHost.discover(files=files, environ={})
    host.lenient = True
    assert host.find("head", "linear").plugin.name == "heads"
    broken = {p.name: p.error or "" for p in host.plugins if p.error}
    assert set(broken) == {"raises", "late", "wrong", "typo"}
    assert "no_such_module_anywhere" in broken["raises"]
    assert "did you mean 'qatk_heads'?" in broken["typo"]
    with pytest.raises(UsageError, match="no head is called 'gone'") as caught:
        host.find("head", "gone")
    assert "not loaded: raises (file " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("from qatk.api import hookimpl\n@hookimpl\ndef qatk_heads(): raise ValueError('late')", "ValueError: late"),
        (
            "QATK_API = 9",
            "it is written for version 9 of qatk's hooks, but this qatk has version 1; install a newer qatk",
        ),
    ],
)
def test_a_plugin_file_that_cannot_be_loaded_is_an_error_at_once(tmp_path: Path, text: str, reason: str) -> None:
    file = plugin_file(tmp_path, "bad", text)
    with pytest.raises(UsageError) as caught:
        PluginHost.discover(files=[file], environ={}).components()
    assert caught.value.what.startswith(f"plugin file {file} cannot be loaded: ")
    assert reason in caught.value.what
    assert caught.value.fix == f"run qatk --plugin {file} plugins doctor for the traceback"


def test_a_file_of_a_package_brings_its_package(tmp_path: Path) -> None:
    package = tmp_path / "far_away" / "deep"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("OPTIONS = 'far_away'\n")
    (package / "__init__.py").write_text(DECODER.format(name="deep-one"))
    host = PluginHost.discover(files=[str(package / "__init__.py")], environ={})
    found = host.find("decoder", "deep-one")
    assert (found.plugin.name, found.cls().__module__) == ("deep", "far_away.deep")
    assert sys.modules["far_away"].OPTIONS == "far_away"
    again = tmp_path / "far_away_too" / "far_away"
    again.mkdir(parents=True)
    (again / "__init__.py").write_text(DECODER.format(name="other"))
    with pytest.raises(UsageError, match=r"its package is called far_away, as another that is loaded: .*; rename"):
        PluginHost.discover(files=[str(again / "__init__.py")], environ={}).components()
    for name in ("far_away.deep", "far_away"):
        del sys.modules[name]


def test_a_plugin_file_ends_in_py(tmp_path: Path) -> None:
    (tmp_path / "plug.txt").write_text("")
    with pytest.raises(UsageError, match=r"plug\.txt cannot be loaded: .*its name does not end in \.py"):
        PluginHost.discover(files=[str(tmp_path / "plug.txt")], environ={}).components()


def test_a_plugin_file_needs_a_name_of_its_own(tmp_path: Path) -> None:
    file = plugin_file(tmp_path, "decoders", DECODER.format(name="nothing"))
    with pytest.raises(UsageError, match="another plugin is called 'decoders'; give the file another name"):
        PluginHost.discover(files=[file], environ={}).components()


def test_strict_mode_raises_at_once(tmp_path: Path) -> None:
    file = plugin_file(tmp_path, "raises", "1/0")
    host = PluginHost.discover(files=[file], environ={"QATK_STRICT_PLUGINS": "1"})
    with pytest.raises(PluginError, match="division by zero"):
        host.components()


def test_a_built_in_keeps_its_name(tmp_path: Path) -> None:
    host = PluginHost.discover(files=[plugin_file(tmp_path, "mine", DECODER.format(name="min-null"))], environ={})
    assert host.find("decoder", "min-null").plugin.name == "decoders"
    assert host.find("decoder", "mine/min-null").plugin.name == "mine"
    assert host.find("decoder", "decoders/min-null").plugin.name == "decoders"
    assert [host.use_of(r) for r in host.components("decoder") if r.name == "min-null"] == ["min-null", "mine/min-null"]
    recipe = "qatk: 1\nbackbone: {use: tiny}\ndata: {train: {use: facts}, dev: {use: facts}}\n"
    assert (
        parse_recipe(recipe, "r", host).filled() == parse_recipe(recipe, "r", PluginHost.discover(environ={})).filled()
    )


def test_a_name_that_two_third_parties_offer_names_both_owners(tmp_path: Path) -> None:
    files = [plugin_file(tmp_path, name, DECODER.format(name="nothing")) for name in ("one", "two")]
    host = PluginHost.discover(files=files, environ={})
    with pytest.raises(UsageError, match=r"two plugins offer the decoder 'nothing': one .* and two") as caught:
        host.find("decoder", "nothing")
    assert "write one/nothing or two/nothing" in str(caught.value)
    assert [host.use_of(r) for r in host.components("decoder") if r.name == "nothing"] == ["one/nothing", "two/nothing"]


def test_controls() -> None:
    names = lambda host: {r.plugin.name for r in host.components()}  # noqa: E731
    everything = names(PluginHost.discover(environ={}))
    assert names(PluginHost.discover(block=["heads"], environ={})) == everything - {"heads"}
    assert names(PluginHost.discover(environ={"QATK_PLUGINS": "metrics, heads"})) == {"metrics", "heads"}
    assert names(PluginHost.discover(environ={"QATK_PLUGINS": ""})) == set()


def test_names_of_plugins_that_components_used_to_come_from_go_on_working() -> None:
    def parts(host: PluginHost) -> set[tuple[str, str]]:
        return {(r.kind, r.name) for r in host.components()}

    everything = parts(PluginHost.discover(environ={}))
    bert = {("backbone", "hf"), ("featurizer", "stride"), ("head", "linear"), ("decoder", "min-null")}
    assert parts(PluginHost.discover(block=["bert"], environ={})) == everything - bert
    assert parts(PluginHost.discover(environ={"QATK_PLUGINS": "bert"})) == bert
    tiny = parts(PluginHost.discover(block=["bert"], environ={"QATK_PLUGINS": "tiny, backbones"}))
    assert tiny == {("backbone", "tiny"), ("backbone", "exported"), ("dataset", "facts")}
    assert PluginHost.discover(environ={}).find("decoder", "bert/min-null").plugin.name == "decoders"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block": ["heds"], "environ": {}}, "no plugin is called 'heds'\n  did you mean 'heads'?"),
        (
            {"environ": {"QATK_PLUGINS": "metrcs"}},
            "QATK_PLUGINS: no plugin is called 'metrcs'\n  did you mean",
        ),
        ({"files": ["./nothing.py"], "environ": {}}, "there is no plugin file ./nothing.py"),
    ],
)
def test_unknown_names_are_errors(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        PluginHost.discover(**arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def registered(component: Component) -> Registered:
    return Registered("decoder", component, Plugin("p", "dist", "1.0", "p"))


def test_what_a_component_lacks_is_named() -> None:
    with pytest.raises(PluginError, match=r"decoder 'half' of plugin p \(dist 1.0\) lacks decode\(\)"):
        registered(Component("half", dict)).cls()
    with pytest.raises(PluginError, match="json has no Gone"):
        registered(Component("gone", "json:Gone")).cls()
    with pytest.raises(PluginError, match=r"(?s)cannot be imported.*pip install no-such"):
        registered(Component("gone", "no_such_module:Gone", requires=("no-such",))).cls()
    with pytest.raises(PluginError, match=r"(?s)needs no_such_module.*pip install"):
        registered(Component("gone", "json:Gone", requires=("no_such_module",))).build(Options())
    with pytest.raises(PluginError, match=r"(?s)needs no_such_module.inside.*pip install"):
        registered(Component("gone", "json:Gone", requires=("no_such_module.inside",))).usable()
    with pytest.raises(PluginError, match="its target is no class but an object of type function"):
        registered(Component("gone", "qatk_builtin.decoders:qatk_decoders")).usable()


def test_notes_keep_type_and_cause() -> None:
    live = Live(registered(Component("x", dict)), None, Options())
    with pytest.raises(ZeroDivisionError) as caught, live.during("scoring"):
        _ = 1 / 0
    assert "during scoring" in caught.value.__notes__[0]  # type: ignore[attr-defined]


def test_installing_a_plugin_changes_no_recipe(tmp_path: Path, host: PluginHost) -> None:
    text = "qatk: 1\nbackbone: {use: tiny}\ndata: {dev: {use: squad, path: dev.json}}\n"
    other = PluginHost.discover(files=[plugin_file(tmp_path, "mine", DECODER.format(name="nothing"))], environ={})
    assert parse_recipe(text, "r", host).filled() == parse_recipe(text, "r", other).filled()


def test_a_former_name_is_read_with_a_hint(host: PluginHost) -> None:
    with pytest.warns(QatkWarning, match="the decoder 'exact' is now called 'min-null'"):
        assert host.find("decoder", "exact").name == "min-null"
    with pytest.warns(QatkWarning):
        recipe = parse_recipe(
            "qatk: 1\nbackbone: {use: tiny}\ndata: {dev: {use: facts}}\ndecoder: {use: exact}\n", "r", host
        )
    assert recipe.filled()["decoder"]["use"] == "exact", "a run that was begun so goes on"


@pytest.mark.parametrize(
    "name", ["", "Mine", "my_own", "my--own", "-own", "own-", "my own", "own\n", "own/other", "éa"]
)
def test_a_component_name_is_kebab_case_to_its_end(name: str) -> None:
    with pytest.raises(PluginError, match="is not in kebab-case"):
        check_component(Component(name, "somewhere:Class"))
    assert check_component(Component("my-own2", "somewhere:Class")).name == "my-own2"
