/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the tests of src/virt: a loop with a virt on it, and the transcript of what it told. Tests
 * wait for a line of the transcript, never for time.
 */
#pragma once

#include "base/vec.h"
#include "test/test.h"
#include "virt/virt.h"

enum told {
    TOLD_INSTANCE,
    TOLD_GONE,
    TOLD_LISTED,
    TOLD_FOREIGN,
    TOLD_UP,
    TOLD_DOWN,
    TOLD_DONE,
};

struct line {
    enum told told;
    char vm[name_size];
    uint64_t number; /* epoch; of TOLD_DONE the request's id */
    enum vm_state state;
    bool is_asked, is_away;
    struct virt_result result;
    char text[reason_size];
    msec_t at_ms;
};

/* The id of the cluster that the VMs of this test program are marked with, so that programs that
 * run at the same time do not end each other's. The same in a child. */
const char *this_cluster(void);

/* The QEMU of that epoch, 0 if there is none; looked up in /proc. */
pid_t qemu_of(const char *vm, uint64_t epoch);

/* Ends every QEMU of this program: for its end, whatever happened. */
void end_all_qemus(void);

struct loop {
    sd_event *event;
    struct virt *virt;
    VEC(struct line) lines;
    msec_t longest_ms; /* that the loop's thread was busy at one time */
};

/* Fails the test and returns false if it cannot be made. */
bool loop_begin(struct loop *loop, const char *uri);
void loop_end(struct loop *loop);
#define CLEANUP_LOOP CLEANUP(loop_end) struct loop

msec_t now(void);

/* Runs the loop once, for 'limit_ms' at most. */
void turn(struct loop *loop, msec_t limit_ms);

/* Runs the loop until that QEMU exists; false: not within the limit. */
bool await_qemu(struct loop *loop, const char *vm, uint64_t epoch, msec_t limit_ms);

/* Runs the loop until the line is there, from line 'from' on; NULL: not within the limit. */
struct line *await_from(struct loop *loop, size_t from, enum told told, const char *vm,
                        uint64_t number, msec_t limit_ms);
#define await(loop, told, vm, number, limit_ms) await_from(loop, 0, told, vm, number, limit_ms)

/* The line if it is there, without running the loop. */
struct line *find_line(struct loop *loop, size_t from, enum told told, const char *vm,
                       uint64_t number);

/* Requests with 'id'; the answer is the line TOLD_DONE of that number. */
void start(struct loop *loop, uint64_t id, const char *xml, const char *vm, uint64_t epoch,
           msec_t limit_ms);
/* The same with so big an aperture, as if GPUs needed it. */
void start_wide(struct loop *loop, uint64_t id, const char *xml, const char *vm, uint64_t epoch,
                uint64_t mmio_mib, msec_t limit_ms);
virt_done_fn loop_done; /* writes the line; 'userdata' is the loop */
void stop(struct loop *loop, uint64_t id, const char *vm, uint64_t epoch,
          enum offline_action action, msec_t limit_ms);
void kill_one(struct loop *loop, uint64_t id, const char *vm, uint64_t epoch);
void kill_all(struct loop *loop, uint64_t id);

/* The transcript, for the log of a test that fails. */
void print_lines(const struct loop *loop);

#define CHECK_OUTCOME(have, want)                                                                  \
    do {                                                                                           \
        const struct line *line_ = (have);                                                         \
        CHECK(line_ != NULL);                                                                      \
        if (line_) {                                                                               \
            CHECK_STR(virt_outcome_name(line_->result.outcome), virt_outcome_name(want));          \
        }                                                                                          \
    } while (0)

/* Makes a file below 'root'. */
void write_file(const char *root, const char *name, const void *bytes, size_t size);
void remove_tree(const char *root);

/* For QEMU's driver where there is no confinement, no cgroups and no other user. */
extern const char qemu_conf[];

/* A VM without an operating system: firmware that finds nothing to boot, and ignores ACPI. */
extern const char qemu_xml[];
