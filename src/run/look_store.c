/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/look_store.h"

#include "run/open_store.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum {
    look_limit_ms = 4000,
    read_limit_ms = 3000,
};

struct look {
    sd_event *event;
    struct etcd *etcd;
    bool has_read; /* a majority was asked, and this came of it: */
    revision_t revision;
    struct error error; /* code 0: it answered */
};

/* Nothing more will come: each endpoint said what it is, and a majority answered, or none can. */
static bool is_over(const struct look *look)
{
    struct etcd_endpoint_state state;
    bool answers = false;
    for (size_t i = 0; etcd_endpoint_state(look->etcd, i, &state); i++) {
        if (!state.is_known) {
            return false;
        }
        answers |= state.answers;
    }
    return look->has_read || !answers;
}

static void on_surveyed(void *userdata)
{
    struct look *look = userdata;
    if (is_over(look)) {
        (void)sd_event_exit(look->event, 0);
    }
}

static void on_read(void *userdata, const struct etcd_reply *reply)
{
    struct look *look = userdata;
    look->has_read = true;
    look->revision = reply->revision;
    look->error = reply->error ? *reply->error : (struct error){0};
    on_surveyed(look);
}

static void tell_endpoint(const struct look *look, const struct etcd_endpoint_state *state,
                          FILE *to)
{
    uint64_t ours = etcd_cluster(look->etcd);
    if (!state->answers) {
        (void)fprintf(to, "failed: store: %s does not answer: is etcd running there?\n",
                      state->endpoint);
    } else if (ours != 0 && state->cluster != ours) {
        (void)fprintf(to,
                      "failed: store: %s is a member of the etcd cluster %" PRIx64
                      ", the store is %" PRIx64 "\n",
                      state->endpoint, state->cluster, ours);
    } else {
        (void)fprintf(to, "store: %s is member %" PRIx64 " of %" PRIx64 ", etcd %s\n",
                      state->endpoint, state->member, state->cluster, state->version);
    }
}

static void tell(const struct look *look, FILE *to)
{
    struct etcd_endpoint_state state;
    for (size_t i = 0; etcd_endpoint_state(look->etcd, i, &state); i++) {
        tell_endpoint(look, &state, to);
    }
    if (!look->has_read) {
        (void)fprintf(to, "failed: store: no majority answers\n");
    } else if (look->error.code < 0) {
        (void)fprintf(to, "failed: store: %s\n", look->error.text);
    } else {
        (void)fprintf(to, "store: a majority answers (revision %lld)\n", (long long)look->revision);
    }
}

static int ask_store(struct look *look, const struct config *config, struct error *err)
{
    struct store_login login;
    int r = store_login_read(config, &login, err);
    if (r < 0) {
        return r;
    }
    login.etcd.surveyed = on_surveyed;
    login.etcd.userdata = look;
    r = etcd_new(look->event, &login.etcd, &look->etcd, err);
    explicit_bzero(login.password, sizeof(login.password));
    if (r < 0) {
        return r;
    }
    etcd_survey(look->etcd);
    etcd_barrier(look->etcd, read_limit_ms, on_read, look);
    (void)sd_event_add_time_relative(look->event, NULL, CLOCK_MONOTONIC,
                                     (uint64_t)look_limit_ms * 1000, 0, NULL, NULL);
    (void)sd_event_loop(look->event);
    return 0;
}

void look_store(const struct config *config, FILE *to)
{
    struct look look = {0};
    struct error err = {0};
    int r = sd_event_new(&look.event);
    (void)signal(SIGPIPE, SIG_IGN);
    r = r < 0 ? error_set(&err, r, "%s", strerror(-r)) : ask_store(&look, config, &err);
    if (r < 0) {
        (void)fprintf(to, "failed: store: %s\n", err.text);
    } else {
        tell(&look, to);
    }
    look.etcd = etcd_free(look.etcd);
    sd_event_unref(look.event);
}
