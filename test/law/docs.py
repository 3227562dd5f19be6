#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Are the pages true? What they link to, the functions they name and the commands they show must
exist; the table for people who come from Hyper-V must be complete.

    test/law/docs.py [WORD...]"""

import pathlib
import re
import sys

from tap import complain, main, test

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
INDEX, HYPERV = ROOT / "docs" / "README.md", ROOT / "docs" / "from-hyperv.md"

# What the Windows procedure is made of: none may be without an answer.
CMDLETS = """
    New-VMResourcePool Get-VMResourcePool Rename-VMResourcePool Remove-VMResourcePool
    Get-VMHostAssignableDevice Dismount-VMHostAssignableDevice Mount-VMHostAssignableDevice
    Add-VMHostAssignableDevice Remove-VMHostAssignableDevice Add-VMAssignableDevice
    Get-VMAssignableDevice Remove-VMAssignableDevice Get-ClusterResource Set-ClusterParameter Set-VM
    Add-ClusterVirtualMachineRole Start-ClusterGroup Move-ClusterVirtualMachineRole Suspend-ClusterNode
    Resume-ClusterNode Test-Cluster Get-VMHostPartitionableGpu Set-VMHostPartitionableGpu
    Add-VMGpuPartitionAdapter Disable-PnpDevice Enable-PnpDevice""".split()
SOURCES = "\n".join(path.read_text() for folder in ("src", "test") for path in sorted((ROOT / folder).rglob("*.[ch]")))


def page(path):
    return path.relative_to(ROOT).as_posix()


def dead_links(path, text):
    return [target for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
            if "://" not in target and not (path.parent / target).exists()]


def unknown_functions(text, sources):
    """Names in `backticks()` that stand nowhere in 'sources'. main() is every program's."""
    return [name for name in re.findall(r"`(\w+)\(\)`", text) if f"{name}(" not in sources]


def unknown_paths(text):
    """Files and folders of the tree in `backticks` that are not there."""
    return [name for name in re.findall(r"`((?:src|test|tools|docs|data|bench)/[\w./-]+)`", text)
            if not (ROOT / name).exists()]


def commands():
    """(noun, verb) of each row of the tables of commands; a command of its own has no verb."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "src" / "cli").glob("commands*.c")))
    return set(re.findall(r'\.noun = "([\w-]+)",\s*(?:\.verb = "([\w-]+)")?', text))


def shown_commands(text):
    """(noun, verb) of each 'berth ...' in code, with whatever word comes second."""
    code = "\n".join([*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE)])
    return set(re.findall(r"(?:^|[\s;(])berth ([a-z][\w-]*)(?: ([a-z][\w-]*))?", code, re.MULTILINE))


def unknown_commands(text, known):
    nouns, nouns_alone = {noun for noun, _ in known}, {noun for noun, verb in known if not verb}
    return [f"berth {noun} {verb}".rstrip() for noun, verb in sorted(shown_commands(text))
            if noun not in nouns_alone and (noun, verb) not in known and (verb or noun not in nouns)]


@test
def links_lead_somewhere():
    complain([f"{page(path)}: {target}" for path in PAGES for target in dead_links(path, path.read_text())])


@test
def functions_that_are_named_exist():
    complain([f"{page(path)}: {name}()" for path in PAGES for name in unknown_functions(path.read_text(), SOURCES)])


@test
def paths_that_are_named_exist():
    complain([f"{page(path)}: {name}" for path in PAGES for name in unknown_paths(path.read_text())])


@test
def commands_that_are_shown_exist():
    known = commands()
    assert len(known) > 20, f"only {len(known)} commands found in src/cli/commands*.c"
    complain([f"{page(path)}: {name}" for path in PAGES for name in unknown_commands(path.read_text(), known)])


def unknown_options(text, helps):
    """Options behind a 'berth NOUN VERB' in code that this command's help does not name."""
    found = []
    for span in re.findall(r"`(berth [^`\n]+)`", text):
        noun, verb = re.match(r"berth ([a-z][\w-]*)?(?: ([a-z][\w-]*))?", span).groups(default="")
        have = helps.get((noun, verb), helps.get((noun, "")))
        found += [f"{span}: {option}" for option in re.findall(r" (--[\w-]+)", span)
                  if have is not None and option not in have and option != "--help"]
    return found


def option_tables():
    """(noun, verb) -> the options in its row, and those of every command."""
    sources = {path.name: path.read_text() for path in sorted((ROOT / "src" / "cli").glob("command*.[ch]"))}
    names = lambda text: set(re.findall(r'\{\.name = "([\w-]+)"', text.replace("\\\n", "")))
    everywhere = names(sources["commands.c"])
    bodies = {group: body for text in sources.values() for group, body in
              re.findall(r"#define (OPTIONS?_\w+)((?:.*\\\n)*.*)", text)}
    groups = {group: names(body).union(*(names(bodies[g]) for g in re.findall(r"OPTIONS?_\w+", body)))
              for group, body in bodies.items()}
    tables = {}
    for text in sources.values():
        for row in re.split(r"(?=\.noun = )", text)[1:]:
            noun, verb = re.match(r'\.noun = "([\w-]+)",\s*(?:\.verb = "([\w-]+)")?', row).groups()
            own = names(row).union(*(groups[g] for g in re.findall(r"\bOPTIONS?_\w+", row) if g in groups))
            tables[noun, verb or ""] = {f"--{name}" for name in own | everywhere}
    return tables


def repeated_option_texts(sources):
    """Options with the same name and the same help: they belong into one group."""
    help_of = re.compile(r'\{\s*\.name = "([\w-]+)"[^{}]*?\.help\s*=\s*((?:"(?:[^"\\]|\\.)*"[\s\w]*)+)')
    said = [(name, re.sub(r'"\s*"', "", text).strip()) for name, text in help_of.findall(sources.replace("\\\n", ""))]
    return sorted({f"--{name}: {text}" for name, text in said if said.count((name, text)) > 1})


def rows(text):
    """The cells of each row of the tables of a page, without their heads."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith("| ") and not line.startswith(("| Windows |", "| click |"))]


@test
def the_text_of_an_option_stands_once():
    complain(repeated_option_texts("".join(p.read_text() for p in (ROOT / "src" / "cli").glob("command*.[ch]"))))


@test
def options_that_are_shown_exist():
    tables = option_tables()
    assert "--wait-for-gpu" in tables["vm", "start"] and "--mmio" in tables["vm", "set"]
    complain([f"{page(path)}: {found}" for path in PAGES for found in unknown_options(path.read_text(), tables)])


@test
def every_scenario_lies_in_the_folder_of_a_theme_that_the_page_describes():
    table = re.search(r"^\| folder \|.*(?:\n\|.*)*", (ROOT / "docs" / "simulator.md").read_text(), re.MULTILINE)[0]
    themes = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    files = [path.relative_to(ROOT / "test" / "scenario") for path in (ROOT / "test" / "scenario").rglob("*.scn")]
    complain([f"test/scenario/{path}" for path in files if len(path.parts) != 2 or path.parts[0] not in themes])
    complain([f"no scenario in {theme}" for theme in themes if not any(path.parts[0] == theme for path in files)])


@test
def every_page_is_in_the_index():
    linked = {(INDEX.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", INDEX.read_text())}
    complain([page(path) for path in PAGES if path != INDEX and path not in linked])


@test
def every_cmdlet_of_the_windows_procedure_has_an_answer():
    text = HYPERV.read_text()
    answered = "\n".join(cells[0] for cells in rows(text) if len(cells) > 1 and len(cells[1]) > 5)
    complain([f"docs/from-hyperv.md lacks {name}" for name in CMDLETS if not re.search(rf"\b{name}\b", answered)])


@test
def cmdlets_that_are_named_for_powershell_exist():
    manifest = (ROOT / "powershell" / "Berth" / "Berth.psd1").read_text()
    exported = set(re.findall(r"'(\w+-\w+)'", manifest[manifest.index("FunctionsToExport"):]))
    named = {name for cells in rows(HYPERV.read_text()) if len(cells) == 3 for name in re.findall(r"`(\w+-\w+)`", cells[2])}
    assert len(exported) > 30 and len(named) > 20, (exported, named)
    complain([f"docs/from-hyperv.md: {name} is not in the module" for name in sorted(named - exported)])


@test
def the_rules_of_pages_can_be_broken():
    assert dead_links(ROOT / "README.md", "[a](nowhere.md) [b](https://b/) [c](LICENSE#d)") == ["nowhere.md"]
    assert unknown_functions("`core_step()` and `core_dance()`", "void core_step(void)") == ["core_dance"]
    assert unknown_paths("`src/base/buf.c` `src/base/bluff.c`") == ["src/base/bluff.c"]
    known = {("vm", "start"), ("status", "")}
    assert unknown_commands("    berth vm start a\n    berth vm dance\n`berth status x`; `berth vm --help`; `berth sing`", known) == \
        ["berth sing", "berth vm dance"]
    assert unknown_options("`berth vm set V --mmio 1 --frob`", {("vm", "set"): {"--mmio"}}) == \
        ["berth vm set V --mmio 1 --frob: --frob"]
    assert repeated_option_texts('{.name = "all", .help = "all"}, {.name = "all", .value = "N", .help = "a" "ll"}') == \
        ['--all: "all"']
    assert rows("| Windows | Berth |\n|---|---|\n| `Test-Cluster` | x |") == [["`Test-Cluster`", "x"]]


if __name__ == "__main__":
    sys.exit(main())
