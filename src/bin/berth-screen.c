/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-screen: one process for each end of a VM's screen (src/screen/screen.h). */
#include "run/screen_program.h"

int main(int argc, char **argv)
{
    return screen_program_main(argc, argv);
}
