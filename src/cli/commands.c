/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every command, once: parsing, help, the manual page and the completion read these tables. */
#include "cli/command.h"

const struct option options_everywhere[] = {
    {.name = "output",
     .letter = 'o',
     .value = "table|wide|name|json|yaml",
     .help = "for people: table (the default) or wide (nothing is cut); for scripts: name (of "
             "lists), json or yaml"},
    {.name = "color",
     .value = "WHEN",
     .help = "auto (on terminals only; the default), always or never"},
    {.name = "socket",
     .value = "PATH",
     .help = "the socket of berth-api (default $BERTH_SOCKET or /run/berth/api.sock)"},
    {.name = "host",
     .value = "URL",
     .help = "connect to berth-api on another host: https://HOST:PORT (default $BERTH_HOST)"},
    {.name = "token-file",
     .value = "FILE",
     .help = "read the token for --host from FILE (default: the token in $BERTH_TOKEN)"},
    {.name = "ca",
     .value = "FILE",
     .help = "certificate authority that signed the certificate of --host, as PEM (default "
             "$BERTH_CA)"},
    {.name = "fingerprint",
     .value = "SHA256",
     .help = "fingerprint of the certificate of --host, instead of --ca (default "
             "$BERTH_FINGERPRINT)"},
    {.name = "yes", .letter = 'y', .help = "answer yes to every question"},
    {.name = "help", .letter = 'h', .help = "show the help of the command"},
    {.name = "version", .letter = 'V', .help = "show the version of this program"},
    {0},
};

const struct fact exit_codes[] = {
    {"0", "done"},
    {"1", "refused or failed; the message gives the reason and the remedy"},
    {"2", "wrong usage"},
    {"3", "no such node, GPU, pool or VM"},
    {"4", "berth-api or its store does not answer"},
    {"5", "accepted but not finished within the timeout; the cluster carries on with it"},
};
const size_t exit_code_len = ARRAY_LEN(exit_codes);

const struct fact environment_facts[] = {
    {"BERTH_SOCKET", "the socket of berth-api, unless --socket is given"},
    {"LIBVIRT_DEFAULT_URI", "the libvirt that vm import reads, unless --connect is given"},
    {"BERTH_HOST", "berth-api on another host, unless --host or --socket is given"},
    {"BERTH_TOKEN", "the token for that host, unless --token-file is given"},
    {"BERTH_CA", "the certificate authority for that host, unless --ca is given"},
    {"BERTH_FINGERPRINT", "the fingerprint for that host, unless --fingerprint is given"},
    {"NO_COLOR", "if set to anything: no colour, unless --color=always is given"},
};
const size_t environment_fact_len = ARRAY_LEN(environment_facts);

static const struct chapter *const chapters[] = {&chapter_cluster, &chapter_node, &chapter_gpu,
                                                 &chapter_vm, &chapter_access};

const struct command *command_at(size_t index)
{
    for (size_t i = 0; i < ARRAY_LEN(chapters); i++) {
        if (index < chapters[i]->len) {
            return &chapters[i]->commands[index];
        }
        index -= chapters[i]->len;
    }
    return NULL;
}

bool command_begins_noun(size_t index)
{
    return index == 0 || strcmp(command_at(index)->noun, command_at(index - 1)->noun) != 0;
}

static const struct option *find_in(const struct option *list, const char *name, size_t len)
{
    for (; list && list->name; list++) {
        if (strlen(list->name) == len && strncmp(list->name, name, len) == 0) {
            return list;
        }
    }
    return NULL;
}

const struct option *find_option(const struct command *command, const char *name, size_t len)
{
    const struct option *found = find_in(options_everywhere, name, len);
    if (command) {
        return found ? found : find_in(command->options, name, len);
    }
    for (size_t i = 0; !found && (command = command_at(i)); i++) {
        found = find_in(command->options, name, len);
    }
    return found;
}
