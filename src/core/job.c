/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/job.h"

#include "core/memory.h"

#include <stdio.h>
#include <string.h>

struct tally tally_of(const struct vm_placement *placement)
{
    struct tally tally = {
        .restarts = placement->restarts,
        .failovers = placement->failovers,
        .host_losses = placement->host_losses,
    };
    memcpy(tally.lost_node, placement->lost_node, sizeof(tally.lost_node));
    return tally;
}

static void add_tried(struct vm_placement *placement, const char *node)
{
    change_drop_tried(placement, node);
    struct vm_name *place = placement->tried.len < nodes_max ? VEC_ADD(&placement->tried) : NULL;
    if (!place) {
        core_out_of_memory();
    }
    (void)snprintf(place->name, sizeof(place->name), "%s", node);
}

void tally_put(struct vm_placement *placement, const struct tally *tally)
{
    if (tally->failovers == 0) {
        placement->tried.len = 0;
    } else if (tally->failed_node[0] != '\0') {
        add_tried(placement, tally->failed_node);
    }
    placement->restarts = tally->restarts;
    placement->failovers = tally->failovers;
    placement->host_losses = tally->host_losses;
    memcpy(placement->lost_node, tally->lost_node, sizeof(placement->lost_node));
}

struct job *jobs_add(struct jobs *jobs, const struct view *view, enum purpose purpose,
                     struct cause why)
{
    struct job *job = VEC_ADD(&jobs->list);
    if (!job) {
        core_out_of_memory();
    }
    job->view = *view;
    job->purpose = purpose;
    if (view->placement) {
        job->tally = tally_of(view->placement->placement);
    }
    job->why = why;
    return job;
}

bool job_is_asked(const struct job *job)
{
    return job->purpose == PURPOSE_MOVE && !job->is_mate;
}

const char *job_target(const struct job *job)
{
    const struct vm_spec *spec = job->view.spec->vm_spec;
    bool is_anywhere = strcmp(spec->move_to, "*") == 0;
    return !job_is_asked(job) ? job->only_node : is_anywhere ? NULL : spec->move_to;
}

struct record *job_draft_waiting(const struct job *job)
{
    struct record *next = change_draft(&job->view);
    struct vm_placement *to = next->placement;
    change_clear_place(to);
    to->is_failed = false;
    tally_put(to, &job->tally);
    to->start_order = job->view.spec->vm_spec->start_order;
    return next;
}
