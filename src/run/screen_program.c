/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run/screen_program.h"

#include "run/config.h"
#include "screen/screen.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { exit_usage = 2, view_arguments = 6 };

static int serve(const char *path)
{
    char password[config_text_size], secret[screen_secret_size];
    struct config config;
    struct error err;
    int r = config_load(path, &config, &err);
    bool has_own = r == 0 && config.screen_secret_file[0];
    if (r == 0 && !has_own && !config.api_etcd_password_file[0]) {
        r = error_set(&err, -1,
                      "berth.conf has neither screen_secret_file nor "
                      "api_etcd_password_file");
    }
    r = r < 0 ? r
              : config_read_secret(has_own ? "screen_secret_file" : "api_etcd_password_file",
                                   has_own ? config.screen_secret_file
                                           : config.api_etcd_password_file,
                                   password, sizeof(password), &err);
    r = r < 0 ? r : screen_secret(password, secret, &err);
    if (r < 0) {
        (void)fprintf(stderr, "berth-screen: %s\n", err.text);
        return EXIT_FAILURE;
    }
    return screen_serve(STDIN_FILENO, secret, config.libvirt_uri);
}

static int view(char **arguments)
{
    const char *secret = getenv("BERTH_SCREEN_SECRET");
    if (!secret) {
        return exit_usage;
    }
    return screen_view(&(struct screen_view){
        .fd = STDIN_FILENO,
        .kind = arguments[0],
        .vm = arguments[1],
        .actor = arguments[2],
        .address = arguments[3],
        .secret = secret,
    });
}

int screen_program_main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == view_arguments && strcmp(argv[1], "view") == 0) {
        return view(argv + 2);
    }
    if (argc == 2 && strcmp(argv[1], "serve") == 0) {
        return serve(NULL);
    }
    if (argc == 4 && strcmp(argv[1], "serve") == 0 && strcmp(argv[2], "--config") == 0) {
        return serve(argv[3]);
    }
    (void)fprintf(stderr, "usage: berth-screen serve [--config FILE] <CONNECTION\n"
                          "Shows the screens of this host's VMs; berth-screen.socket starts it.\n");
    return exit_usage;
}
