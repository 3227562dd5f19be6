/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much processor time and memory the QEMUs take that are held: what the kernel counts of their
 * processes, read on the thread that reads /proc. libvirt, which may hang, is not asked. */
#include "loop/memory.h"
#include "virt/internal.h"

#include "base/parse.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct measured {
    pid_t pid;
    struct virt_use use;
};

struct measure {
    struct task task;
    char *proc;
    VEC(struct measured) processes;
};

static void measure_run(struct task *task)
{
    struct measure *measure = (struct measure *)task;
    CLEANUP(closep) int proc_fd = open(measure->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    VEC_EACH(&measure->processes, each) {
        (void)virt_process_measure(proc_fd, each->pid, &each->use.cpu_ms, &each->use.memory_mib);
    }
}

static void measure_arrive(void *userdata, struct task *task)
{
    struct virt *virt = userdata;
    const struct measure *measure = (const struct measure *)task;
    VEC(struct virt_use) uses = {0};
    VEC_EACH(&measure->processes, each) {
        if (each->use.cpu_ms > 0) {
            *must(VEC_ADD(&uses)) = each->use;
        }
    }
    virt->is_measuring = false;
    virt->observer->used(virt->userdata, uses.items, uses.len);
    VEC_DONE(&uses);
}

static void measure_release(struct task *task)
{
    struct measure *measure = (struct measure *)task;
    VEC_DONE(&measure->processes);
    free(measure->proc);
    free(measure);
}

void virt_measure(struct virt *virt)
{
    if (virt->is_measuring) {
        return;
    }
    struct measure *measure = must(calloc(1, sizeof(*measure)));
    measure->task =
        (struct task){.run = measure_run, .arrive = measure_arrive, .release = measure_release};
    measure->proc = must(strdup(virt->proc));
    for (const struct instance *each = virt->instances; each; each = each->next) {
        if (each->processes.len > 0) {
            struct measured *measured = must(VEC_ADD(&measure->processes));
            *measured = (struct measured){.pid = each->processes.items[0]->pid};
            measured->use.epoch = each->marker.epoch;
            (void)copy_text(measured->use.vm, sizeof(measured->use.vm), each->marker.vm);
        }
    }
    virt->is_measuring = true;
    workers_submit(virt->proc_pool, &measure->task);
}
