/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* berth-sim: a whole cluster in one deterministic process on virtual time. docs/simulator.md. */
#include "test/sim/sim.h"

int main(int argc, char **argv)
{
    return sim_main(argc, argv);
}
