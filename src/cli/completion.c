/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bash completion: a script made of the table of commands. Names of nodes, pools and VMs are asked
 * of the cluster while one types; where it does not answer nothing is offered.
 */
#include "cli/manual.h"

#include "cli/command.h"

#include <string.h>

static const char head[] =
    "# SPDX-License-Identifier: LGPL-2.1-or-later\n"
    "# Completion of berth(1) for bash; generated.\n"
    "\n"
    "# The first column of a list.\n"
    "_berth_names()\n"
    "{\n"
    "    berth \"$@\" --color=never 2>/dev/null | awk 'NR > 1 { print $1 }'\n"
    "}\n"
    "\n"
    "# NODE/ADDRESS of every GPU.\n"
    "_berth_gpus()\n"
    "{\n"
    "    berth gpu ls --color=never 2>/dev/null | awk 'NR > 1 { print $1 \"/\" $2 }'\n"
    "}\n"
    "\n"
    "# What may stand for a word of a usage: NODE, POOL, ...\n"
    "_berth_of()\n"
    "{\n"
    "    case $1 in\n"
    "        NODE) _berth_names node ls ;;\n"
    "        NODE/ADDRESS) _berth_gpus ;;\n"
    "        ADDRESS) _berth_gpus | cut -d/ -f2 | sort -u ;;\n"
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
    "complete -F _berth berth\n";

static void add_options(struct buf *script, const char *names)
{
    char name[40];
    for (int len = 0; sscanf(names, "%39s%n", name, &len) == 1; names += len) {
        buf_printf(script, " --%s", name);
    }
}

/* What an option's value is. */
static void add_values(struct buf *script)
{
    buf_text(script, "# What the value of an option is, as its help says; nothing: it takes none.\n"
                     "_berth_value()\n{\n    case $1 in\n");
    for (size_t i = 0; i < option_len; i++) {
        if (options[i].value) {
            if (options[i].letter) {
                buf_printf(script, "        -%c|", options[i].letter);
            } else {
                buf_text(script, "        ");
            }
            buf_printf(script, "--%s) echo '%s' ;;\n", options[i].name, options[i].value);
        }
    }
    buf_text(script, "    esac\n}\n\n");
}

static void add_nouns(struct buf *script)
{
    buf_text(script, "_berth_nouns()\n{\n    echo '");
    for (size_t i = 0; i < command_len; i++) {
        if (i == 0 || strcmp(commands[i].noun, commands[i - 1].noun) != 0) {
            buf_printf(script, "%s%s", i ? " " : "", commands[i].noun);
        }
    }
    buf_text(script, "'\n}\n\n_berth_verbs()\n{\n    case $1 in\n");
    for (size_t i = 0; i < command_len; i++) {
        bool is_first = i == 0 || strcmp(commands[i].noun, commands[i - 1].noun) != 0;
        bool is_last = i + 1 == command_len || strcmp(commands[i].noun, commands[i + 1].noun) != 0;
        if (!commands[i].verb) {
            continue;
        }
        if (is_first) {
            buf_printf(script, "        %s) echo '", commands[i].noun);
        }
        buf_printf(script, "%s%s", is_first ? "" : " ", commands[i].verb);
        buf_text(script, is_last ? "' ;;\n" : "");
    }
    buf_text(script, "    esac\n}\n\n");
}

/* Sets command, its options and the words of its usage. */
static void add_commands(struct buf *script)
{
    buf_text(script, "# Sets the caller's command, options and usage from NOUN VERB.\n"
                     "_berth_command()\n{\n    options='");
    add_options(script, options_everywhere);
    buf_text(script, "'\n    case \"$1 $2\" in\n");
    for (size_t i = 0; i < command_len; i++) {
        const struct command *command = &commands[i];
        buf_printf(script, "        '%s '%s%s%s) command='%s%s%s' usage='%s' options+='",
                   command->noun, command->verb ? "'" : "*", command->verb ? command->verb : "",
                   command->verb ? "'" : "", command->noun, command->verb ? " " : "",
                   command->verb ? command->verb : "", command->args);
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
