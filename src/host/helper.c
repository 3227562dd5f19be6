/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/helper.h"

#include "base/parse.h"
#include "host/binding.h"
#include "host/internal.h"
#include "loop/memory.h"
#include "wire/record.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

ENUM_DEFINE(host_work, HOST_WORK_LIST)

enum { earlier_reading_ms = 2000 };

/* What is in the works: what berthd knows of, and what the locks tell. */
static int find_busy(const struct host_order *order, busy_cards_t *busy, struct error *err)
{
    bool is_whole = lock_find_busy(&order->config, busy);
    for (size_t i = 0; i < order->busy_len; i++) {
        struct busy_card *place = VEC_ADD(busy);
        is_whole &= place != NULL;
        if (place) {
            *place = order->busy[i];
        }
    }
    return is_whole ? 0 : error_set(err, -ENOMEM, "no memory for the inventory");
}

/* Adds the inventory as a document to 'reply'. */
static int read_inventory(const struct host_order *order, struct buf *reply, struct error *err)
{
    busy_cards_t busy = {0};
    CLEANUP(record_unrefp)
    struct record *record = record_new(RECORD_NODE_INVENTORY, host_helper_node, NULL);
    if (!record) {
        return error_set(err, -ENOMEM, "no memory for the inventory");
    }
    /* An earlier reading that hangs: one more process would hang, too. */
    int r = lock_take(&order->config, "inventory", earlier_reading_ms, err);
    if (r < 0) {
        return r;
    }
    r = find_busy(order, &busy, err);
    if (r == 0) {
        r = inventory_read(&order->config, &busy, record->inventory, err);
    }
    VEC_DONE(&busy);
    return r < 0 ? r : wire_record_encode(record, reply, err);
}

static int operate(const struct host_order *order, struct error *err)
{
    const struct host_config *config = &order->config;
    char name[pci_address_size];
    char what[pci_address_size + 8];
    bool is_erasure = order->work == HOST_WORK_ERASE;
    /* An erasure takes long, and hangs nothing. That of an earlier berthd is waited for. */
    (void)snprintf(what, sizeof(what), "%s%s", is_erasure ? "erase-" : "",
                   pci_address_format(order->address, name));
    bool is_fabric = order->work == HOST_WORK_FABRIC;
    msec_t wait_ms = is_erasure ? config->erase_ms : is_fabric ? config->fabric_ms : 0;
    if (is_fabric) { /* of all cards at once */
        (void)snprintf(what, sizeof(what), "%s", host_fabric_lock);
    }
    int r = lock_take(config, what, wait_ms, err);
    if (r < 0) {
        return r;
    }
    switch (order->work) {
    case HOST_WORK_DISMOUNT:
        return host_gpu_dismount(config, order->address, order->force, err);
    case HOST_WORK_MOUNT:
        return host_gpu_mount(config, order->address, err);
    case HOST_WORK_SPLIT:
        return order->division.profile[0] != '\0'
                   ? host_vgpu_divide(config, &order->division, err)
                   : host_gpu_split(config, order->address, order->count, err);
    case HOST_WORK_MAKE:
        return host_vgpu_make(config, &order->slot, order->profile, err);
    case HOST_WORK_CLEAR:
        return host_vgpu_clear(config, &order->slot, err);
    case HOST_WORK_ERASE:
        return host_erase(config, &order->slot, order->command, err);
    case HOST_WORK_FABRIC:
        return host_fabric_switch(config, order->command, order->count > 0, err);
    case HOST_WORK_READ:
        break;
    }
    return error_set(err, -EINVAL, "the helper does not know what to do");
}

int host_helper_main(struct host_kernel kernel)
{
    CLEANUP(freep) struct host_order *order = must(calloc(1, sizeof(*order)));
    struct error err = {0};
    CLEANUP(buf_done) struct buf reply = {0};
    /* berthd may have been restarted meanwhile; what was begun is done to the end all the same. */
    (void)signal(SIGPIPE, SIG_IGN);
    /* berthd's priority is for its heartbeats. Reading the hardware takes long and is in no hurry:
     * on a slow host it must not keep the store from acknowledging them. */
    (void)setpriority(PRIO_PROCESS, 0, 0);
    if (fread(order, sizeof(*order), 1, stdin) != 1 || getc(stdin) != EOF) {
        (void)fputs("this is for berthd alone\n", stderr);
        return EXIT_FAILURE;
    }
    order->config.kernel = kernel;
    int r =
        order->work == HOST_WORK_READ ? read_inventory(order, &reply, &err) : operate(order, &err);
    if (printf("%d\n%s", r, r < 0 ? err.text : buf_str(&reply)) < 0 || fflush(stdout) != 0) {
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
