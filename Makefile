# Everything here sets itself up: it needs python3 (3.11 or newer, with pip and venv), make and git.
# Another Python: make PYTHON=python3.12 test.  Arguments for zchat or pytest: make run ARGS="--port 6000".

PYTHON ?= python3
ARGS ?=
# More than the two cores that there are as a rule: many tests wait for something.
JOBS ?= 3
ATTACK_STREAMS ?= 50000
SOAK_STEPS ?= 2000000

# Where it is set, each process of the tests would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

# A venv does not survive a move of its folder or the loss of its Python: forget that it was ready.
ifneq ($(shell test -x .venv/bin/python && cat .venv/ready 2>/dev/null),$(shell pwd -P))
$(shell rm -f .venv/ready)
endif

.PHONY: help
help:  ## this list (default)
	@sed -n 's/^\([a-z-]*\):.*## /make \1|/p' Makefile | awk -F'|' '{ printf "%-17s %s\n", $$1, $$2 }'

.PHONY: demo
demo: .venv/ready  ## a broker and three users have a short conversation
	@.venv/bin/zchat demo $(ARGS)

.PHONY: run
run: .venv/ready  ## start a broker
	@.venv/bin/zchat broker $(ARGS)

.PHONY: join
join: .venv/ready  ## join the chat; the broker is the one of this account, or ARGS="--broker LINK"
	@.venv/bin/zchat join $(ARGS) || test $$? = 130  # Ctrl-C is no error

.PHONY: test
test: check  ## check, then all tests
	@.venv/bin/pytest --numprocesses=$(JOBS) --dist=worksteal $(ARGS)

.PHONY: attack
attack: .venv/ready  ## 50,000 broken connections and messages against a broker (ATTACK_STREAMS)
	@ATTACK_STREAMS=$(ATTACK_STREAMS) .venv/bin/pytest tests/attack -v -rP -o timeout=3600 -o faulthandler_timeout=0 $(ARGS)

.PHONY: faults
faults: .venv/ready  ## kill -9, stops, cut wires, full disks, jumping clocks, several brokers: real processes, 18 minutes
	@FAULTS=full .venv/bin/pytest tests/faults -v -o timeout=3600 -o faulthandler_timeout=0 $(ARGS)

.PHONY: soak
soak: .venv/ready  ## the simulation of the guarantees, seed after seed, two million steps (SOAK_STEPS, SOAK_SEED)
	@SOAK_STEPS=$(SOAK_STEPS) .venv/bin/python -m tests.simulation.soak

.PHONY: bench
bench: .venv/ready  ## zchat beside the servers that are installed, 20 minutes; ARGS="--only latency --rounds 1"
	@.venv/bin/python -m bench.compare $(ARGS)

.PHONY: screenshots
screenshots: .venv/ready  ## the pictures of docs/tour.md, made anew from real runs
	@.venv/bin/python -m tests.screenshots

.PHONY: bench-quick
bench-quick: .venv/ready  ## the main figures in short, and what a flood does to others and to typing, in under three minutes
	@.venv/bin/python -m bench.quick $(ARGS)

.PHONY: bench-metrics
bench-metrics: .venv/ready  ## what serving metrics costs at full load: two brokers in turn, two to three minutes
	@.venv/bin/python -m bench.metrics $(ARGS)

.PHONY: man
man: .venv/ready  ## the manual pages, in build/man/man1, made of what --help says
	@.venv/bin/python -m zchat.common.man_cli build/man/man1

.PHONY: docs
docs: .venv/ready  ## docs/configuration.md, from the table behind `zchat broker --help`
	@.venv/bin/python -c 'from zchat.broker.options import page; print(page(), end="")' >docs/configuration.md

.PHONY: bench-history
bench-history: .venv/ready  ## messages a second of each history, by how many come together: half a minute
	@.venv/bin/python -m bench.history $(ARGS)

.PHONY: bench-brokers
bench-brokers: .venv/ready  ## several brokers over one PostgreSQL: how late the other is, what readers cost; two minutes
	@.venv/bin/python -m bench.brokers $(ARGS)

.PHONY: site
site: .venv/docs docs  ## the pages as a site, in build/site; fails on a link that leads nowhere
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
	@echo "The site is in build/site; begin with index.html"

.PHONY: bench-stages
bench-stages: .venv/ready  ## where the broker's time goes, message by message, without sockets
	@.venv/bin/python -m bench.stages

.PHONY: check
check: .venv/ready  ## formatter, linter, strict type checker
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/mypy docs/examples

.PHONY: format
format: .venv/ready  ## format the code, fix what the linter can fix
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .

.PHONY: release
release: .venv/ready  ## wheel and source archive in dist/, built twice to the same bytes
	@.venv/bin/python -m tests.releases dist

.PHONY: clean
clean:  ## remove everything that make, the tests and the tools made
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist zeromq_chat.egg-info
	@find broker client common tests bench -name __pycache__ -prune -exec rm -rf {} +

.venv/docs: .venv/ready
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --editable '.[docs]'
	@touch $@

# The stamp is written last and taken away first, so a venv without it is half-built and starts from nothing.
.venv/ready: pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "zchat: $(PYTHON) is not Python 3.11 or newer. Name one: make PYTHON=python3.11" >&2; exit 1; }
	@echo "Setting up .venv (takes a minute, once)"
	@test -f $@ || "$(PYTHON)" -m venv --clear .venv
	@rm -f $@
	@.venv/bin/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@mkdir -p .venv/typed/zchat
	@for folder in broker client common; do ln -sfn "../../../$$folder" .venv/typed/zchat/$$folder; done
	@pwd -P > $@
