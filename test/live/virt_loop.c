/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/live/virt_loop.h"

#include "base/parse.h"
#include "virt/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

const char qemu_conf[] =
    "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\n"
    "cgroup_controllers = []\nnamespaces = []\nremember_owner = 0\n"
    "stdio_handler = \"file\"\nswtpm_user = \"root\"\nswtpm_group = \"root\"\n";

const char qemu_xml[] =
    "<domain type='qemu'><name>template</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>"
    "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>"
    "<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>";

msec_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (msec_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

const char *this_cluster(void)
{
    static char id[cluster_id_size];
    if (!id[0]) {
        (void)snprintf(id, sizeof(id), "%08x-0000-4000-8000-000000000000", (unsigned)getpid());
    }
    return id;
}

pid_t qemu_of(const char *vm, uint64_t epoch)
{
    processes_t found = {0};
    pid_t pid = 0;
    struct process_search search = {.proc = "/proc", .cluster = this_cluster(), .notes = ""};
    CHECK_INT(virt_process_scan(&search, &found, NULL), 0);
    VEC_EACH(&found, each) {
        if (!each->is_foreign && each->marker.epoch == epoch && strcmp(each->marker.vm, vm) == 0) {
            pid = each->pid;
        }
    }
    virt_processes_done(&found);
    return pid;
}

void end_all_qemus(void)
{
    processes_t found = {0};
    struct process_search search = {.proc = "/proc", .cluster = this_cluster(), .notes = ""};
    (void)virt_process_scan(&search, &found, NULL);
    VEC_EACH(&found, each) {
        (void)virt_process_kill(each->pidfd);
    }
    virt_processes_done(&found);
}

void write_file(const char *root, const char *name, const void *bytes, size_t size)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

void remove_tree(const char *root)
{
    pid_t child = fork();
    if (child == 0) {
        (void)execlp("rm", "rm", "-rf", root, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(child, NULL, 0);
}

static struct line *add(void *userdata, enum told told, const char *vm, uint64_t number)
{
    struct loop *loop = userdata;
    struct line *line = VEC_ADD(&loop->lines);
    *line = (struct line){.told = told, .number = number, .at_ms = now()};
    (void)copy_text(line->vm, sizeof(line->vm), vm);
    return line;
}

static void on_instance(void *userdata, const struct virt_instance *instance)
{
    add(userdata, TOLD_INSTANCE, instance->vm, instance->epoch)->state = instance->state;
}

static void on_gone(void *userdata, const char *vm, uint64_t epoch, const char *reason,
                    enum virt_end how)
{
    struct line *line = add(userdata, TOLD_GONE, vm, epoch);
    line->is_asked = how == VIRT_END_ASKED;
    line->is_away = how == VIRT_END_AWAY;
    (void)copy_text(line->text, sizeof(line->text), reason);
}

static void on_listed(void *userdata)
{
    (void)add(userdata, TOLD_LISTED, "", 0);
}

static void on_connection(void *userdata, bool is_up, const char *detail)
{
    struct line *line = add(userdata, is_up ? TOLD_UP : TOLD_DOWN, "", 0);
    (void)copy_text(line->text, sizeof(line->text), detail);
}

void loop_done(void *userdata, const struct virt_result *result)
{
    struct line *line = add(userdata, TOLD_DONE, "", result->id);
    line->result = *result;
    (void)copy_text(line->text, sizeof(line->text), result->error.text);
}

static void on_foreign(void *userdata, const char *vm, const char *cluster)
{
    struct line *line = add(userdata, TOLD_FOREIGN, vm, 0);
    (void)copy_text(line->text, sizeof(line->text), cluster);
}

static void on_moving(void *userdata, const char *vm, uint64_t epoch,
                      const struct move_progress *progress)
{
    (void)userdata, (void)vm, (void)epoch, (void)progress; /* none moves here */
}

static const struct virt_observer observer = {on_instance,   on_gone,   on_listed,
                                              on_connection, on_moving, on_foreign};

bool loop_begin(struct loop *loop, const char *uri)
{
    struct error err;
    struct virt_config config = {.uri = uri, .cluster = this_cluster()};
    *loop = (struct loop){0};
    if (sd_event_new(&loop->event) < 0 ||
        virt_new(loop->event, &config, &observer, loop, &loop->virt, &err) < 0) {
        test_fail(__FILE__, __LINE__, "no virt: %s", err.text);
        return false;
    }
    return true;
}

void loop_end(struct loop *loop)
{
    virt_free(loop->virt);
    sd_event_unref(loop->event);
    VEC_DONE(&loop->lines);
}

struct line *find_line(struct loop *loop, size_t from, enum told told, const char *vm,
                       uint64_t number)
{
    for (size_t i = from; i < loop->lines.len; i++) {
        struct line *line = &loop->lines.items[i];
        if (line->told == told && line->number == number && strcmp(line->vm, vm) == 0) {
            return line;
        }
    }
    return NULL;
}

void turn(struct loop *loop, msec_t limit_ms)
{
    int r = sd_event_prepare(loop->event);
    if (r == 0) {
        r = sd_event_wait(loop->event, (uint64_t)limit_ms * 1000);
    }
    if (r > 0) {
        msec_t before = now();
        (void)sd_event_dispatch(loop->event);
        loop->longest_ms = MAX(loop->longest_ms, now() - before);
    }
}

struct line *await_from(struct loop *loop, size_t from, enum told told, const char *vm,
                        uint64_t number, msec_t limit_ms)
{
    msec_t limit = now() + limit_ms;
    for (;;) {
        struct line *line = find_line(loop, from, told, vm, number);
        msec_t left = limit - now();
        if (line || left <= 0) {
            if (!line) {
                print_lines(loop);
            }
            return line;
        }
        turn(loop, left);
    }
}

bool await_qemu(struct loop *loop, const char *vm, uint64_t epoch, msec_t limit_ms)
{
    msec_t limit = now() + limit_ms;
    while (qemu_of(vm, epoch) == 0) {
        if (now() >= limit) {
            return false;
        }
        turn(loop, 2);
    }
    return true;
}

void start(struct loop *loop, uint64_t id, const char *xml, const char *vm, uint64_t epoch,
           msec_t limit_ms)
{
    start_wide(loop, id, xml, vm, epoch, 0, limit_ms);
}

void start_wide(struct loop *loop, uint64_t id, const char *xml, const char *vm, uint64_t epoch,
                uint64_t mmio_mib, msec_t limit_ms)
{
    struct domain_compose domain = {
        .xml = xml, .marker = {.epoch = epoch, .incarnation = 7}, .mmio_mib = mmio_mib};
    (void)copy_text(domain.marker.vm, sizeof(domain.marker.vm), vm);
    (void)copy_text(domain.marker.cluster, sizeof(domain.marker.cluster), this_cluster());
    (void)copy_text(domain.marker.node, sizeof(domain.marker.node), "here");
    virt_start(loop->virt, id, &domain, limit_ms, loop_done, loop);
}

void stop(struct loop *loop, uint64_t id, const char *vm, uint64_t epoch,
          enum offline_action action, msec_t limit_ms)
{
    virt_stop(loop->virt, id, vm, epoch, action, limit_ms, loop_done, loop);
}

void kill_one(struct loop *loop, uint64_t id, const char *vm, uint64_t epoch)
{
    virt_kill(loop->virt, id, vm, epoch, loop_done, loop);
}

void kill_all(struct loop *loop, uint64_t id)
{
    virt_kill_all(loop->virt, id, loop_done, loop);
}

void print_lines(const struct loop *loop)
{
    static const char *const names[] = {"instance", "gone", "listed", "up", "down", "done"};
    for (size_t i = 0; i < loop->lines.len; i++) {
        const struct line *line = &loop->lines.items[i];
        printf("#   %lld %s %s %llu %s %s %s\n",
               (long long)(line->at_ms - loop->lines.items[0].at_ms), names[line->told], line->vm,
               (unsigned long long)line->number,
               line->told == TOLD_INSTANCE ? vm_state_name(line->state)
               : line->told == TOLD_DONE   ? virt_outcome_name(line->result.outcome)
                                           : "",
               line->text, line->told == TOLD_GONE && line->is_asked ? "(asked)" : "");
    }
}
