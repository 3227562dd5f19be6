/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berthd's side of the helper process: src/host/helper.h. */
#include "base/parse.h"
#include "host/helper.h"
#include "host/internal.h"
#include "wire/record.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int helper_open(const struct host_config *config, struct error *err)
{
    const char *path = config->helper[0] ? config->helper : "/proc/self/exe";
    int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? error_set(err, -errno, "cannot open %s: %s; install Berth again", path,
                              strerror(errno))
                  : fd;
}

int helper_start(sd_event *event, int program_fd, const struct host_order *order,
                 child_done_fn *done, void *userdata, struct child **ret)
{
    char name[] = "berth-host", argument[] = HOST_HELPER_ARGUMENT;
    char *arguments[] = {name, argument, NULL};
    static_assert(sizeof(*order) <= child_input_max, "an order fits into a pipe");
    const struct child_order child = {
        .program_fd = program_fd,
        .arguments = arguments,
        .input = order,
        .input_size = sizeof(*order),
        .output_max = wire_document_size_max,
        .limit_ms = order->config.limit_ms +
                    (order->work == HOST_WORK_ERASE ? 2 * order->config.erase_ms : 0),
    };
    return child_start(event, &child, done, userdata, ret);
}

int helper_reply(const struct child_result *result, const char **ret_document, struct error *err)
{
    int64_t r;
    char number[16] = "";
    const char *newline = strchr(result->output, '\n');
    if (newline && newline - result->output < (ptrdiff_t)sizeof(number)) {
        memcpy(number, result->output, (size_t)(newline - result->output));
    }
    if (result->end != CHILD_EXITED || result->status != 0 || result->is_cut ||
        !parse_i64(number, INT32_MIN, 0, &r)) {
        return error_set(err, -ENODATA, "its helper process ended without an answer (%s %d)",
                         result->end == CHILD_EXITED ? "exit code" : "signal", result->status);
    }
    if (r < 0) {
        return error_set(err, (int)r, "%s", newline + 1);
    }
    *ret_document = newline + 1;
    return 0;
}
