/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Erases a device between two VMs, by a program of the host's own. */
#include "host/binding.h"

#include "host/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct host_eraser *find_eraser(const struct host_config *config, const char *command)
{
    for (uint32_t i = 0; i < config->eraser_len; i++) {
        if (strcmp(config->erasers[i].name, command) == 0) {
            return &config->erasers[i];
        }
    }
    return NULL;
}

int host_erase(const struct host_config *config, const struct gpu_slot *slot, const char *command,
               struct error *err)
{
    const struct host_eraser *eraser = find_eraser(config, command);
    char program[host_path_size], address[pci_address_size], partition[sizeof(slot->partition)];
    char errors[160] = "";
    if (!eraser) {
        return error_set(err, -ENOENT, "erase_commands in this host's berth.conf has no \"%s\"",
                         command);
    }
    int result = kernel_check_program(eraser->program, err);
    if (result < 0) {
        return result;
    }
    (void)snprintf(program, sizeof(program), "%s", eraser->program);
    (void)snprintf(partition, sizeof(partition), "%s", slot->partition);
    (void)pci_address_format(slot->address, address);
    char *arguments[] = {program, address, partition[0] ? partition : NULL, NULL};
    int status = kernel_run(program, arguments, config->erase_ms, errors, sizeof(errors), err);
    if (status == -1) {
        return error_set(err, -ETIMEDOUT, "%s was killed: it did not end within %lld s", program,
                         (long long)config->erase_ms / 1000);
    }
    if (status > 0) {
        return error_set(err, -EIO, "%s ended with %d%s%s", program, status, errors[0] ? ": " : "",
                         errors);
    }
    return status;
}
