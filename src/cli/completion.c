/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bash completion: a script made of the table of commands. zsh and fish ask it, too (data/). Names
 * of nodes, pools and VMs are asked of the cluster while one types; where it does not answer
 * nothing is offered.
 */
#include "cli/manual.h"

#include "cli/command.h"

#include <string.h>

static const char head[] =
    "# SPDX-License-Identifier: LGPL-2.1-or-later\n"
    "# Completion of berth(1) for bash; generated.\n"
    "\n"
    "# Of a list, what commands know its rows by; of GPUs that is NODE/ADDRESS.\n"
    "_berth_names()\n"
    "{\n"
    "    berth \"$@\" -o name 2>/dev/null\n"
    "}\n"
    "\n"
    "# What may stand for a word of a usage: NODE, POOL, ...\n"
    "_berth_of()\n"
    "{\n"
    "    case $1 in\n"
    "        NODE) _berth_names node ls ;;\n"
    "        NODE/ADDRESS) _berth_names gpu ls ;;\n"
    "        ADDRESS) _berth_names gpu ls | cut -d/ -f2 | sort -u ;;\n"
    "        POOL*) _berth_names pool ls ;;\n"
    "        VM) _berth_names vm ls ;;\n"
    "        FILE*) compgen -f -- \"$2\" ;;\n"
    "        *\\|*) echo \"${1//|/ }\" ;;\n"
    "    esac\n"
    "}\n"
    "\n";

static const char body[] =
    "_berth()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local -a plain=()\n"
    "    local i noun verb command options usage kind\n"
    "    # '=' is a word of its own for bash: --node=NAME comes as three.\n"
    "    if [ \"$word\" = = ]; then word=; fi\n"
    "    if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "            =) ((i++)) ;;\n"
    "            -*) kind=$(_berth_value \"${COMP_WORDS[i]}\")\n"
    "                if [ -n \"$kind\" ] && [ \"${COMP_WORDS[i+1]}\" != = ]; then ((i++)); fi ;;\n"
    "            *) plain+=(\"${COMP_WORDS[i]}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    noun=${plain[0]} verb=${plain[1]}\n"
    "    kind=$(_berth_value \"$before\")\n"
    "    if [ -n \"$kind\" ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(_berth_of \"$kind\" \"$word\")\" -- "
    "\"$word\")\n"
    "        return\n"
    "    fi\n"
    "    if [ -z \"$noun\" ] && [[ $word != -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(_berth_nouns)\" -- \"$word\")\n"
    "        return\n"
    "    fi\n"
    "    _berth_command \"$noun\" \"$verb\"\n"
    "    if [[ $word == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
    "        return\n"
    "    fi\n"
    "    if [ -z \"$command\" ]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(_berth_verbs \"$noun\")\" -- \"$word\")\n"
    "        return\n"
    "    fi\n"
    "    # The word of the usage at this place; its last one may stand for any number.\n"
    "    local -a words\n"
    "    read -r -a words <<< \"$usage\"\n"
    "    i=$((${#plain[@]} - $(wc -w <<< \"$command\")))\n"
    "    if ((i >= ${#words[@]})); then\n"
    "        if [[ $usage != *...* ]]; then return; fi\n"
    "        i=$((${#words[@]} - 1))\n"
    "    fi\n"
    "    kind=${words[i]//[\\[\\].]/}\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$(_berth_of \"$kind\" \"$word\")\" -- \"$word\")\n"
    "}\n"
    "\n"
    "# For other shells: the words that may stand for the last of these, one on each line.\n"
    "_berth_reply()\n"
    "{\n"
    "    local word prefix=\n"
    "    COMP_WORDS=()\n"
    "    for word in \"$@\"; do\n"
    "        prefix=\n"
    "        if [[ $word == --*=* ]]; then\n"
    "            prefix=${word%%=*}=\n"
    "            COMP_WORDS+=(\"${word%%=*}\" = \"${word#*=}\")\n"
    "        else\n"
    "            COMP_WORDS+=(\"$word\")\n"
    "        fi\n"
    "    done\n"
    "    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
    "    _berth\n"
    "    for word in \"${COMPREPLY[@]}\"; do echo \"$prefix$word\"; done\n"
    "}\n"
    "\n"
    "complete -F _berth berth\n";

static void add_options(struct buf *script, const struct option *options)
{
    for (; options && options->name; options++) {
        buf_printf(script, " --%s", options->name);
    }
}

/* Case labels for those that take a value. A name that several commands have comes again; the first
 * is taken, and all mean the same kind of value. */
static void add_values_of(struct buf *script, const struct option *options)
{
    for (; options && options->name; options++) {
        if (options->value) {
            buf_text(script, "        ");
            if (options->letter) {
                buf_printf(script, "-%c|", options->letter);
            }
            buf_printf(script, "--%s) echo '%s' ;;\n", options->name, options->value);
        }
    }
}

static void add_values(struct buf *script)
{
    const struct command *command;
    buf_text(script, "# What the value of an option is, as its help says; nothing: it takes none.\n"
                     "_berth_value()\n{\n    case $1 in\n");
    add_values_of(script, options_everywhere);
    for (size_t i = 0; (command = command_at(i)); i++) {
        add_values_of(script, command->options);
    }
    buf_text(script, "    esac\n}\n\n");
}

static void add_nouns(struct buf *script)
{
    const struct command *command, *last = NULL;
    buf_text(script, "_berth_nouns()\n{\n    echo '");
    for (size_t i = 0; (command = command_at(i)); i++) {
        if (command_begins_noun(i)) {
            buf_printf(script, "%s%s", i ? " " : "", command->noun);
        }
    }
    buf_text(script, "'\n}\n\n_berth_verbs()\n{\n    case $1 in\n");
    for (size_t i = 0; (command = command_at(i)); i++) {
        bool is_first = command_begins_noun(i);
        if (is_first && last) {
            buf_text(script, "' ;;\n");
        }
        last = command->verb ? command : NULL;
        if (last) {
            buf_printf(script, "%s%s%s%s", is_first ? "        " : "",
                       is_first ? command->noun : "", is_first ? ") echo '" : " ", command->verb);
        }
    }
    buf_text(script, last ? "' ;;\n    esac\n}\n\n" : "    esac\n}\n\n");
}

/* Sets command, its options and the words of its usage. */
static void add_commands(struct buf *script)
{
    const struct command *command;
    buf_text(script, "# Sets the caller's command, options and usage from NOUN VERB.\n"
                     "_berth_command()\n{\n    options='");
    add_options(script, options_everywhere);
    buf_text(script, "'\n    case \"$1 $2\" in\n");
    for (size_t i = 0; (command = command_at(i)); i++) {
        const char *verb = command->verb ? command->verb : "";
        buf_printf(script, "        '%s '%s%s%s) command='%s%s%s' usage='%s' options+='",
                   command->noun, command->verb ? "'" : "*", verb, command->verb ? "'" : "",
                   command->noun, command->verb ? " " : "", verb,
                   command->args ? command->args : "");
        add_options(script, command->options);
        buf_text(script, "' ;;\n");
    }
    buf_text(script, "    esac\n}\n\n");
}

void cli_completion(struct buf *script)
{
    buf_text(script, head);
    add_values(script);
    add_nouns(script);
    add_commands(script);
    buf_text(script, body);
}
