/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much processor time and memory the QEMUs take that are held: what the kernel counts of their
 * processes, read on the thread that reads /proc. libvirt, which may hang, is not asked. */
#include "loop/memory.h"
#include "virt/internal.h"

#include "base/parse.h"

#include <fcntl.h>
#include <stdio.h>
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

/* Field 'number' of a line of words, from 0; the first may be what stands behind the name in
 * /proc/PID/stat. 0: there is none. */
static uint64_t number_at(const char *line, unsigned number)
{
    for (unsigned i = 0; i < number && line; i++) {
        line = strchr(line, ' ');
        line += line != NULL;
    }
    return line ? strtoull(line, NULL, 10) : 0;
}

static bool read_line(const char *proc, pid_t pid, const char *name, char *ret, size_t size)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%d/%s", proc, (int)pid, name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, ret, size - 1) : -1;
    ret[MAX(got, 0)] = '\0';
    return got > 0;
}

/* proc(5): the name stands in brackets and may have any in it; behind it comes the state, field 3.
 * utime and stime are fields 14 and 15. */
static void measure_one(const char *proc, struct measured *each)
{
    enum { state_field = 3, utime_field = 14, resident_field = 1 };
    const uint64_t tick_ms = 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    const uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    char line[1024];
    if (read_line(proc, each->pid, "stat", line, sizeof(line))) {
        const char *rest = strrchr(line, ')');
        rest = rest && rest[1] == ' ' ? rest + 2 : NULL;
        each->use.cpu_ms = (number_at(rest, utime_field - state_field) +
                            number_at(rest, utime_field + 1 - state_field)) *
                           tick_ms;
    }
    if (read_line(proc, each->pid, "statm", line, sizeof(line))) {
        each->use.memory_mib = number_at(line, resident_field) * page_kib / 1024;
    }
}

static void measure_run(struct task *task)
{
    struct measure *measure = (struct measure *)task;
    VEC_EACH(&measure->processes, each) {
        measure_one(measure->proc, each);
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
