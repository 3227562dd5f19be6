#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Installs the Debian packages that a job needs and that are missing, and says which and why.
#
#     tools/deps.sh build|test|lab|package ...  reads tools/packages-build, tools/packages-test,
#                                               test/lab/packages, tools/packages-package: one
#                                               package a line, '# why' behind it
#
# Asks once on a terminal, never elsewhere (BERTH_YES=1: not there either). Works as root and with
# sudo. Brings no service to life: what the packages would start or enable at boot stays off, as
# their programs are wanted here, not their daemons. Exit status 0: all there; 1: not, and why.

set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*"; }
die() { printf 'deps: %s\n' "$*" >&2; exit 1; }

list_of()
{
    case $1 in
        build) echo tools/packages-build ;;
        test) echo tools/packages-test ;;
        lab) echo test/lab/packages ;;
        package) echo tools/packages-package ;;
        *) die "unknown job '$1': build, test, lab or package" ;;
    esac
}

# A Node.js that was not installed as a package does as well, if it is new enough.
is_there_otherwise()
{
    case $1 in
        nodejs) node -e 'process.exit(process.versions.node.split(".")[0] < 18)' >/dev/null 2>&1 ;;
        npm) npm --version >/dev/null 2>&1 ;;
        *) false ;;
    esac
}

# Whether 'package' is installed, or another one provides it: Debian 13 has libcurl4t64, which
# provides libcurl4. apt-get resolves the name the same way.
is_installed()
{
    status=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) || status=none
    [ "$status" = installed ] || printf '%s\n' "$provided" | grep -qxF "$1"
}

# Every name that an installed package provides, one a line.
provided_names()
{
    dpkg-query -W -f '${db:Status-Status},${Provides}\n' | sed -n 's/^installed,//p' |
        tr ',' '\n' | sed 's/^ *//; s/[ (:].*//; /^$/d' | sort -u
}

# "package<tab>why" for each package of the lists that is not installed, each once.
missing_of()
{
    provided=$(provided_names)
    sed -n 's/^\([a-z0-9][a-z0-9.+-]*\)[[:space:]]*\(#[[:space:]]*\)\{0,1\}\(.*\)$/\1\t\3/p' "$@" |
        awk -F '\t' '!seen[$1]++' |
        while IFS='	' read -r package why; do
            is_installed "$package" || is_there_otherwise "$package" ||
                printf '%s\t%s\n' "$package" "$why"
        done
}

# Runs its arguments with the rights to install.
as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

need_rights()
{
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null || die "installing needs root, and there is no sudo. As root: $1"
    if is_asking; then
        return # sudo itself asks for the password
    fi
    sudo -n true 2>/dev/null || die "installing needs root, and sudo wants a password that nobody \
is here to type. As root: $1"
}

is_asking()
{
    [ -t 0 ] && [ -t 1 ] && [ "${BERTH_YES:-}" != 1 ]
}

ask()
{
    is_asking || return 0
    printf 'Install them now? [Y/n] '
    read -r answer || answer=n
    case $answer in
        '' | [Yy]*) ;;
        *) die "not installed. By hand: $1" ;;
    esac
}

# Whether apt knows a version of each package.
are_known()
{
    for package in "$@"; do
        apt-cache show --no-all-versions "$package" >/dev/null 2>&1 || return 1
    done
}

# The administrator's own /usr/sbin/policy-rc.d, if there is one, comes back afterwards. What a run
# that was killed has left behind is recognized by its second line.
policy=/usr/sbin/policy-rc.d
mark='# berth: no service starts while packages are being installed'

services_hold()
{
    services_restore
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        as_root mv "$policy" "$policy.before-berth"
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

services_restore()
{
    if [ -f "$policy" ] && grep -qxF "$mark" "$policy"; then
        as_root rm -f "$policy"
    fi
    if [ -e "$policy.before-berth" ] || [ -L "$policy.before-berth" ]; then
        as_root mv "$policy.before-berth" "$policy"
    fi
}

# What begins at boot, one unit a line. Timers (logrotate's) are housekeeping and may stay.
enabled_units()
{
    find /etc/systemd/system -mindepth 2 -type l ! -name '*.timer' -printf '%f\n' 2>/dev/null |
        sort -u
}

# Turns off at boot what this installation turned on. Where systemd itself came with it there is
# nothing to protect, and much that should begin.
disable_new_units()
{
    [ "$had_systemd" = yes ] || return 0
    enabled_units >"$scratch/after"
    new=$(comm -13 "$scratch/before" "$scratch/after" | tr '\n' ' ')
    [ -n "$new" ] || return 0
    say "Left off, now and at boot (systemctl enable --now starts one for good): $new"
    # shellcheck disable=SC2086 # a list of units
    as_root systemctl --quiet disable $new >"$scratch/disable" 2>&1 ||
        say "deps: could not turn all of them off: $(cat "$scratch/disable")"
}

apt_install()
{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet \
        --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" \
        >"$scratch/apt" 2>&1
}

apt_update()
{
    say "Bringing the package lists up to date."
    as_root apt-get update --quiet --quiet -o DPkg::Lock::Timeout=300 >"$scratch/apt" 2>&1 ||
        die "apt-get update failed: $(tail -n 5 "$scratch/apt")"
}

leave()
{
    status=$?
    trap - EXIT INT TERM HUP
    services_restore || say "deps: $policy could not be put back" >&2
    rm -rf "$scratch"
    exit "$status"
}

install()
{
    services_hold
    had_systemd=no
    ! command -v systemctl >/dev/null || had_systemd=yes
    enabled_units >"$scratch/before"
    are_known "$@" || apt_update
    if ! apt_install "$@"; then # a list that has grown old names versions that are gone
        apt_update
        apt_install "$@" || die "apt-get install failed: $(tail -n 15 "$scratch/apt")"
    fi
    disable_new_units
}

main()
{
    [ $# -gt 0 ] || die "which job? build, test, lab or package"
    lists=
    for job in "$@"; do
        lists="$lists $(list_of "$job")" || exit 1
    done
    if ! command -v apt-get >/dev/null; then
        say "deps: this is no Debian; it is assumed that what is listed in$lists is there" >&2
        exit 0
    fi
    # shellcheck disable=SC2086 # a list of files
    missing=$(missing_of $lists)
    [ -n "$missing" ] || exit 0

    # shellcheck disable=SC2046 # a list of packages
    set -- $(printf '%s\n' "$missing" | cut -f 1)
    say "These Debian packages are missing:"
    printf '%s\n' "$missing" | awk -F '\t' '{ printf "  %-28s %s\n", $1, $2 }'
    by_hand="apt-get install --no-install-recommends $*"
    ask "$by_hand"
    need_rights "$by_hand"
    scratch=$(mktemp -d)
    trap leave EXIT
    trap 'exit 130' INT TERM HUP
    install "$@"
    say "Installed: $# packages and what they need."
}

main "$@"
