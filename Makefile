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
#     make lab      only the tests on emulated hosts
#     make soak     the simulator on fresh seeds for an hour (SOAK="HOURS [FIRST-SEED]")
#     make bench    how fast and how good plans are
#     make tidy     clang-tidy over src/         make format   clang-format over the C files ('make format-check' only looks)
#     make install  honours DESTDIR and PREFIX   make clean    removes what was built

BUILD ?= build
PREFIX ?= /usr/local
SOAK ?= 1
PROGRAMS = berth berthd berth-api berth-sim

.DEFAULT_GOAL := all
.PHONY: all deps demo check quick lab soak bench tidy format format-check install clean
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

# Only what 'make' has built: nothing is compiled as root.
install: all
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	meson install -C $(BUILD)
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ] && command -v systemd-sysusers >/dev/null; then \
	    systemd-sysusers $(PREFIX)/lib/sysusers.d/berth.conf; \
	fi

clean:
	rm -rf build build-asan build-tsan
