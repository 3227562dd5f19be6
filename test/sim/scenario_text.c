/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test/sim/scenario_text.h"

#include <stddef.h>
#include <string.h>

#define OP_TEXT_(id, text, subject, options) [id] = {text, subject, options},
const struct op_text op_texts[scenario_op_count] = {SCENARIO_OP_LIST(OP_TEXT_)};

#define NUMBER_(type, member)                                                                      \
    {                                                                                              \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member)                 \
    }

const struct number_name setting_names[] = {
    NUMBER_(cluster_settings, heartbeat_ms),       NUMBER_(cluster_settings, leader_silence_ms),
    NUMBER_(cluster_settings, power_fence_ms),     NUMBER_(cluster_settings, self_stop_ms),
    NUMBER_(cluster_settings, self_stop_span_ms),  NUMBER_(cluster_settings, watchdog_ms),
    NUMBER_(cluster_settings, takeover_ms),        NUMBER_(cluster_settings, reserve),
    NUMBER_(cluster_settings, concurrent_starts),  NUMBER_(cluster_settings, reserve_policy),
    NUMBER_(cluster_settings, failback),           NUMBER_(cluster_settings, preemption),
    NUMBER_(cluster_settings, cpu_percent),        NUMBER_(cluster_settings, cold_start_ms),
    NUMBER_(cluster_settings, on_shutdown),        NUMBER_(cluster_settings, shutdown_limit_ms),
    NUMBER_(cluster_settings, candidates),         NUMBER_(cluster_settings, migrations),
    NUMBER_(cluster_settings, migration_limit_ms),
};

const struct number_name noise_names[] = {
    NUMBER_(scenario_noise, delay_ms),   NUMBER_(scenario_noise, lost_request),
    NUMBER_(scenario_noise, lost_reply), NUMBER_(scenario_noise, late_request),
    NUMBER_(scenario_noise, crash),      NUMBER_(scenario_noise, freeze),
    NUMBER_(scenario_noise, freeze_ms),  NUMBER_(scenario_noise, bad_start),
    NUMBER_(scenario_noise, slow_start), NUMBER_(scenario_noise, guest_death),
    NUMBER_(scenario_noise, memory),
};

const size_t setting_names_len = ARRAY_LEN(setting_names);
const size_t noise_names_len = ARRAY_LEN(noise_names);

bool set_number(const struct number_name *names, size_t len, void *to, const char *name,
                int64_t number)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(names[i].name, name) != 0) {
            continue;
        }
        char *place = (char *)to + names[i].offset;
        if (names[i].size == sizeof(int64_t)) {
            memcpy(place, &number, sizeof(number));
        } else if (names[i].size == sizeof(uint32_t)) {
            uint32_t small = (uint32_t)number;
            memcpy(place, &small, sizeof(small));
        } else {
            *place = number != 0;
        }
        return true;
    }
    return false;
}

int64_t get_number(const struct number_name *name, const void *from)
{
    const char *place = (const char *)from + name->offset;
    int64_t number = *place;
    uint32_t small;
    if (name->size == sizeof(int64_t)) {
        memcpy(&number, place, sizeof(number));
    } else if (name->size == sizeof(uint32_t)) {
        memcpy(&small, place, sizeof(small));
        number = small;
    }
    return number;
}

bool scenario_set(struct cluster_settings *settings, const char *name, int64_t number)
{
    return set_number(setting_names, setting_names_len, settings, name, number);
}
