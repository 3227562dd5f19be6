/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program berth-screen: its arguments, its secret, and then src/screen. */
#pragma once

/*
 * "view KIND VM ACTOR ADDRESS": standard input is a WebSocket, BERTH_SCREEN_SECRET the secret.
 * "serve [--config FILE]": standard input is a connection. The exit code.
 */
int screen_program_main(int argc, char **argv);
