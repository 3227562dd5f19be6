/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel counts of this host's processors and memory. */
#include "host/host.h"
#include "host/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t host_meminfo(const char *meminfo, const char *name)
{
    unsigned long long number = 0;
    size_t len = strlen(name);
    for (const char *at = meminfo; (at = strstr(at, name)); at += len) {
        if ((at == meminfo || at[-1] == '\n') && at[len] == ':') {
            (void)sscanf(at + len + 1, " %llu", &number);
            break;
        }
    }
    return number;
}

/* "cpu  user nice system idle iowait irq softirq steal ...": all but idle and iowait is work. */
static uint64_t read_busy_ms(const struct host_config *config)
{
    char text[host_file_size];
    uint64_t busy = 0;
    if (host_read(config, text, sizeof(text), "/proc/stat") < 0 || strncmp(text, "cpu ", 4) != 0) {
        return 0;
    }
    char *at = text + 4;
    for (int i = 0; i < 8; i++) {
        uint64_t value = strtoull(at, &at, 10);
        busy += i == 3 || i == 4 ? 0 : value;
    }
    return busy * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

void load_read(const struct host_config *config, struct host_load *ret)
{
    CLEANUP(buf_done) struct buf text = {0};
    (void)host_read_all(config, &text, "/proc/meminfo");
    *ret = (struct host_load){
        .busy_ms = read_busy_ms(config),
        .memory_mib = host_meminfo(buf_str(&text), "MemTotal") / 1024,
        .available_mib = host_meminfo(buf_str(&text), "MemAvailable") / 1024,
    };
}
