/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fabric between the GPUs of this host, through the one program that speaks to its manager:
 *
 *     PROGRAM list            a line a set: ID active|inactive ADDRESS [ADDRESS ...]
 *     PROGRAM activate ID     exit code 0: its GPUs can talk, and with no others
 *     PROGRAM deactivate ID   exit code 0: it is not active
 *
 * docs/vendors.md has all of it. The program is run as root, each time with a time limit.
 */
#include "host/binding.h"

#include "host/internal.h"
#include "model/fabric.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(const struct host_config *config, const char *verb, const char *id,
               struct buf *ret_output, struct error *err)
{
    char program[host_path_size], order[16], name[fabric_id_size], errors[160] = "";
    int result = kernel_check_program(config->fabric_helper, err);
    if (result < 0) {
        return result;
    }
    (void)snprintf(program, sizeof(program), "%s", config->fabric_helper);
    (void)snprintf(order, sizeof(order), "%s", verb);
    (void)snprintf(name, sizeof(name), "%s", id ? id : "");
    char *arguments[] = {program, order, id ? name : NULL, NULL};
    int status = kernel_run_output(program, arguments, config->fabric_ms, ret_output, errors,
                                   sizeof(errors), err);
    if (status == -1) {
        return error_set(err, -ETIMEDOUT, "%s %s was killed: it did not end within %lld s", program,
                         verb, (long long)config->fabric_ms / 1000);
    }
    return status > 0 ? error_set(err, -EIO, "%s %s ended with %d%s%s", program, verb, status,
                                  errors[0] ? ": " : "", errors)
                      : status;
}

static int compare_addresses(const void *a, const void *b)
{
    return pci_address_compare(*(const struct pci_address *)a, *(const struct pci_address *)b);
}

/* "3 inactive 0000:18:00.0 0000:2a:00.0". */
static bool read_set(char *line, struct fabric_set *ret)
{
    char *save = NULL;
    const char *id = strtok_r(line, " \t", &save), *state = strtok_r(NULL, " \t", &save);
    *ret = (struct fabric_set){0};
    if (!id || !state || !fabric_id_is_valid(id) ||
        (strcmp(state, "active") != 0 && strcmp(state, "inactive") != 0)) {
        return false;
    }
    (void)snprintf(ret->id, sizeof(ret->id), "%s", id);
    ret->is_active = strcmp(state, "active") == 0;
    for (const char *word = strtok_r(NULL, " \t", &save); word;
         word = strtok_r(NULL, " \t", &save)) {
        struct pci_address address;
        if (ret->gpu_len == ARRAY_LEN(ret->gpus) || !pci_address_parse(word, &address) ||
            fabric_set_has(ret, address)) {
            return false;
        }
        ret->gpus[ret->gpu_len++] = address;
    }
    qsort(ret->gpus, ret->gpu_len, sizeof(ret->gpus[0]), compare_addresses);
    return ret->gpu_len > 0;
}

static int read_sets(char *text, struct node_inventory *inventory, struct error *err)
{
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct fabric_set set;
        char shown[80];
        (void)snprintf(shown, sizeof(shown), "%s", line);
        if (!read_set(line, &set) || fabric_find(inventory, set.id)) {
            return error_set(err, -EBADMSG, "its line \"%s\" is no set, or the second of that name",
                             shown);
        }
        struct fabric_set *place =
            inventory->fabric_sets.len < fabric_sets_max ? VEC_ADD(&inventory->fabric_sets) : NULL;
        if (!place) {
            return error_set(err, -E2BIG, "it lists more than %d sets", fabric_sets_max);
        }
        *place = set;
    }
    return 0;
}

/* NVSwitches of NVIDIA's, as PCI shows them. */
static uint32_t count_switches(const struct host_config *config)
{
    enum { vendor_nvidia = 0x10de, class_other_bridge = 0x068000 };
    uint32_t count = 0;
    host_entries_t all = host_list(config, "/sys/bus/pci/devices");
    VEC_EACH(&all, each) {
        const char *name = each->name;
        count +=
            host_read_number(config, 0, "/sys/bus/pci/devices/%s/vendor", name) == vendor_nvidia &&
            host_read_number(config, 0, "/sys/bus/pci/devices/%s/class", name) ==
                class_other_bridge;
    }
    VEC_DONE(&all);
    return count;
}

static bool advise_helper(const struct host_config *config, struct node_inventory *inventory)
{
    uint32_t count = count_switches(config);
    if (count == 0) {
        return true;
    }
    struct node_check *check = node_checks_add(
        &inventory->checks, "fabric", false,
        "it has %u NVSwitches, but berth.conf has no fabric_helper: GPUs of a VM cannot talk over "
        "NVLink (docs/vendors.md)",
        count);
    if (check) {
        check->is_advice = true;
    }
    return check;
}

/* What it cannot tell is no reason to show nothing of this host: it has a fabric without sets. */
bool fabric_read(const struct host_config *config, struct node_inventory *inventory)
{
    CLEANUP(buf_done) struct buf output = {0};
    struct error err = {0};
    if (config->fabric_helper[0] == '\0') {
        return advise_helper(config, inventory);
    }
    inventory->has_fabric = true;
    int result = lock_take(config, host_fabric_lock, config->fabric_ms, &err);
    result = result < 0 ? result : run(config, "list", NULL, &output, &err);
    if (result == 0 && buf_str(&output)) {
        result = read_sets(output.data, inventory, &err);
    }
    if (result < 0) {
        inventory->fabric_sets.len = 0;
        return node_checks_add(&inventory->checks, "fabric", false,
                               "no VM gets several GPUs here: the fabric helper failed: %s",
                               err.text);
    }
    size_t len = inventory->fabric_sets.len;
    uint32_t dropped = fabric_keep_regular(inventory);
    struct node_check *check =
        node_checks_add(&inventory->checks, "fabric", len > 0 && dropped == 0,
                        dropped > 0 ? "%u of its %zu sets are not used: they overlap with others, "
                                      "or do not make up whole larger ones"
                                    : "%u of its %zu sets are left out",
                        dropped, len);
    if (check && dropped == 0) {
        (void)snprintf(check->detail, sizeof(check->detail),
                       len > 0 ? "%zu sets of GPUs that can talk to each other"
                               : "the fabric helper lists %zu sets: is the fabric manager up?",
                       len);
    }
    if (check && !check->is_ok) {
        check->is_advice = dropped > 0;
    }
    return check;
}

int host_fabric_switch(const struct host_config *config, const char *id, bool is_on,
                       struct error *err)
{
    if (config->fabric_helper[0] == '\0') {
        return error_set(err, -ENOENT, "this host's berth.conf has no fabric_helper");
    }
    return run(config, is_on ? "activate" : "deactivate", id, NULL, err);
}
