/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Are the disks of VMs here? On a worker's thread: storage that hangs holds up no one. */
#pragma once

#include "loop/worker.h"
#include "model/record.h"

/* A task that has all it needs to itself, so any thread may release it. */
struct disk_look;

/* 'arrive' as in struct task; 'look' is its task. */
struct disk_look *disk_look_new(void (*arrive)(void *userdata, struct task *look));

/* Adds a VM; before it is submitted. */
void disk_look_add(struct disk_look *look, const struct record *spec);
uint32_t disk_look_vm_len(const struct disk_look *look);

/* Hands it over. */
void disk_look_submit(struct disk_look *look, struct workers *workers);

/* Adds what was found, when it has arrived. */
void disk_look_tell(const struct task *look, node_checks_t *ret);

/* What is said of 'vm_len' VMs while it has not, into '*ret', which is zeroed. */
void disk_look_hangs(uint32_t vm_len, struct node_check *ret);
