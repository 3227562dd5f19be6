/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-host: berthd's helper for what may block in the kernel (src/host/helper.h). */
#include "host/helper.h"

int main(void)
{
    return host_helper_main((struct host_kernel){0});
}
