# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The front door. Meson and Ninja do the work, tools/ the rest.
#
#     make          builds everything into build/: build/berth, build/berthd, build/berth-api ...
#     make deps     installs what building needs (Debian packages)
#     make demo     three emulated hosts with GPUs; one dies, its VMs come back elsewhere
#     make check    every test; ends with 'N passed, N failed, N skipped'
#
#     make quick    the tests that need a second: the law, units, plans
#     make lab      only the tests on emulated hosts; make lab-matrix: every fault on them, for more than an hour
#     make soak     the simulator on fresh seeds for an hour (SOAK="HOURS [FIRST-SEED]")
#     make bench    how fast and how good plans are
#     make tidy     clang-tidy over src/         make format   clang-format over the C files ('make format-check' only looks)
#     make install  honours DESTDIR and PREFIX   make uninstall  takes that back
#     make deb      builds the Debian package into build/deb/    make deb-check   installs it into bare systems
#     make clean    removes what was built

BUILD ?= build
PREFIX ?= /usr/local
SOAK ?= 1
PROGRAMS = berth berthd berth-api berth-sim

.DEFAULT_GOAL := all
.PHONY: all deps demo check quick lab lab-matrix soak bench tidy format format-check install uninstall deb deb-check \
    clean
.NOTPARALLEL:

# Meson puts programs into folders of their rooms; people and scripts find them as build/NAME.
all: $(BUILD)/build.ninja
	ninja -C $(BUILD)
	@for name in $(PROGRAMS); do \
	    for place in src/bin test/sim; do \
	        if [ -f $(BUILD)/$$place/$$name ]; then \
	            ln -sfn $$place/$$name $(BUILD)/$$name; \
	        fi; \
	    done; \
	done

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo "meson is missing: 'make deps' installs what building needs"; exit 1; }
	meson setup $(BUILD)

deps:
	tools/deps.sh build

demo:
	tools/deps.sh build lab
	$(MAKE) all
	test/lab/demo

check:
	tools/deps.sh build test lab
	$(MAKE) all
	tools/check $(CHECK)

quick: all
	tools/check quick

lab:
	tools/deps.sh build test lab
	$(MAKE) all
	tools/check lab

lab-matrix:
	tools/deps.sh build test lab
	$(MAKE) all
	tools/check matrix

soak: all
	BUILD=$(BUILD) tools/soak $(SOAK)

bench: all
	bench/run

tidy: all
	tools/check tidy

format:
	find src test bench -name node_modules -prune -o -name '*.[ch]' -exec clang-format -i {} +

format-check: all
	tools/check format

# As the owner of the build directory, so that nothing is compiled as root; the prefix is part of the
# programs.
BRING_UP = meson configure $(BUILD) -Dprefix=$(PREFIX) && ninja -C $(BUILD)
install: $(BUILD)/build.ninja
	@owner=$$(stat -c %U $(BUILD)); \
	if [ "$$(id -u)" = 0 ] && [ "$$owner" != root ]; then \
	    runuser -u "$$owner" -- sh -c '$(BRING_UP)'; \
	else \
	    $(BRING_UP); \
	fi
	meson install -C $(BUILD) --no-rebuild
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ] && command -v systemd-sysusers >/dev/null; then \
	    systemd-sysusers $(PREFIX)/lib/sysusers.d/berth.conf; \
	    systemctl daemon-reload 2>/dev/null || :; \
	fi

# What the last 'make install' from this directory has put there.
uninstall:
	@if systemctl is-active --quiet berthd berth-etcd 2>/dev/null; then \
	    echo "Berth runs here: take this host out of its cluster first with 'berth cluster leave'"; exit 1; \
	fi
	ninja -C $(BUILD) uninstall
	@echo "Left: /etc/berth, /var/lib/berth, and the users berth-api, berth-etcd and berth-fence"

deb:
	tools/deps.sh build package
	$(MAKE) all
	BUILD=$(BUILD) tools/deb

deb-check:
	tools/deps.sh package
	BUILD=$(BUILD) test/package/check

clean:
	rm -rf build build-asan build-tsan
