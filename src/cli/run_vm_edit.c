/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth vm edit: another definition of a VM, by numbers, from a file, or in an editor. */
#include "cli/policy.h"
#include "cli/show.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int read_number(struct cli *cli, json_t *body, const char *option, const char *field)
{
    const char *text = cli_option(cli, option);
    uint64_t number;
    if (!text) {
        return EXIT_OK;
    }
    if (!parse_u64(text, UINT32_MAX, &number) || number == 0) {
        return cli_fail(cli, EXIT_USAGE, "--%s takes a number above 0, not \"%s\"", option, text);
    }
    (void)json_object_set_new(body, field, json_integer((json_int_t)number));
    return EXIT_OK;
}

/* $VISUAL or $EDITOR may have arguments of their own: the shell takes them apart, and the file is
 * none of its words. */
static int run_editor(struct cli *cli, const char *path)
{
    const char *editor = getenv("VISUAL");
    editor = editor && editor[0] ? editor : getenv("EDITOR");
    CLEANUP(buf_done) struct buf line = {0};
    buf_printf(&line, "%s \"$1\"", editor && editor[0] ? editor : "vi");
    char *const arguments[] = {(char[]){"sh"},    (char[]){"-c"},          line.data,
                               (char[]){"berth"}, (char *)(uintptr_t)path, NULL};
    pid_t pid;
    int status = 0,
        r = line.failed ? ENOMEM : posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ);
    if (r != 0) {
        return cli_fail(cli, EXIT_REFUSED, "the editor cannot be started: %s", strerror(r));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? EXIT_OK
               : cli_fail(cli, EXIT_REFUSED, "the editor failed; nothing was changed");
}

/* Lets a person change 'xml'; what came of it into 'ret'. */
static int edit_text(struct cli *cli, const char *xml, struct buf *ret)
{
    char path[] = "/tmp/berth-XXXXXX.xml";
    int fd = mkstemps(path, 4);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file) {
        return cli_fail(cli, EXIT_REFUSED, "%s: %s", path, strerror(errno));
    }
    bool is_written = fputs(xml, file) >= 0;
    is_written = fclose(file) == 0 && is_written;
    int r = is_written ? run_editor(cli, path)
                       : cli_fail(cli, EXIT_REFUSED, "%s cannot be written", path);
    r = r == EXIT_OK ? read_xml(cli, path, ret) : r;
    (void)unlink(path);
    return r;
}

/* As long as an editor is open, another administrator may change the VM: the revision that was read
 * goes with the change. -1: there is none. */
static int edit(struct cli *cli, const char *vm, json_t *body)
{
    json_t *json;
    CLEANUP(buf_done) struct buf text = {0};
    int r = client_get(cli, &json, "/v1/vms/%s", vm);
    if (r != EXIT_OK) {
        return r;
    }
    r = edit_text(cli, text_at(json, "xml"), &text);
    if (r == EXIT_OK && strcmp(buf_str(&text), text_at(json, "xml")) == 0) {
        (void)fprintf(cli->out, "Nothing was changed.\n");
        json_decref(json);
        return -1;
    }
    cli->if_revision = number_at(json, "revision");
    json_decref(json);
    (void)json_object_set_new(body, "xml", json_string(buf_str(&text)));
    return r;
}

int run_vm_edit(struct cli *cli)
{
    const char *vm = cli->args.items[0], *path = cli_option(cli, "file");
    CLEANUP(buf_done) struct buf text = {0};
    json_t *body = json_object();
    int r = read_number(cli, body, "cpus", "cpus");
    r = r == EXIT_OK ? read_number(cli, body, "memory", "memory_mib") : r;
    if (r == EXIT_OK && path) {
        r = read_xml(cli, path, &text);
        (void)json_object_set_new(body, "xml", json_string(buf_str(&text)));
    } else if (r == EXIT_OK && json_object_size(body) == 0) {
        r = edit(cli, vm, body);
    }
    if (r != EXIT_OK) {
        json_decref(body);
        return MAX(r, EXIT_OK);
    }
    if (cli_option(cli, "privileged")) {
        (void)json_object_set_new(body, "privileged", json_true());
    }
    return change(cli, "PATCH", body, "/v1/vms/%s/definition", vm);
}
