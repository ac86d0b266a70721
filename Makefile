# make demo    build the library and the C examples, and run the main job on real data
# make test    run every test; installs what is missing on Debian and Ubuntu (a random test that fails says by which EXPMIG_TEST_SEED it is repeated).
#              EXPMIG_TEST_MYSQLD names a MySQL server to run them on too, EXPMIG_TEST_MARIADBD another MariaDB server than the system's,
#              and EXPMIG_TEST_POSTGRES the folder of the programs of another PostgreSQL server
# make test-all  what follows besides: each target that tests something for itself
# make wheel   a wheel of the Python package, in target/wheels; make test-wheel tries it in clean environments of every python3.N of PATH
# make test-browser  the page of `expmig report` in Chromium, which is installed where it is missing; make pictures makes those of the README of it
# make test-clusters  what is different on clusters (docs/clusters.md), which `make test` runs too; installs Galera's library where it is missing
# make test-guests  the packages for Go and Node (bindings/go, bindings/node) and their programs; installs Go, Node and koffi where they are missing
# make test-frames  results as columns in pandas, Polars, DuckDB and pyarrow (docs/arrow.md), and the notebook of examples/; installs what they need in an environment of its own
# make test-mlflow  what MLflow's own package makes of its stores afterwards (docs/mlflow.md); installs it, which takes minutes
# make test-chain   SQLite over one or two servers back to SQLite, with every row looked at by other clients (tests/python/chain.py, mlflow_chain.py)
# make generated    makes anew what is made of include/expmig.h and of the command and kept here, for a test compares it: declarations for koffi, man pages, docs/cli.md, completions
# make large   the tests that take minutes and gigabytes of disk: a document of 2 GiB in less than 64 MiB of memory, a training beside jobs on
#              2,000,000 metrics, every setting of a server at its most hostile, 200 forks beside writers, 200 interrupts of the command, a page of 10,000,000 values, 200 connections of each kind that a server ends and a score of its restarts, 400 faults of each server with a store of MLflow's, twenty migrations beside a tracker that writes
# make fuzz    looks for input that breaks something, for FUZZ_SECONDS (600) with each target; needs cargo-fuzz (fuzz/README.md)
# make sanitize looks for data races with ThreadSanitizer (docs/threading.md)
# make install PREFIX=/usr/local DESTDIR= BINDIR= LIBDIR= INCLUDEDIR= DATADIR= DOCDIR= MANDIR=
#              build and install the libraries, as `make demo` has built them, and the command (EXPMIG_COMMAND=no: without the command); make uninstall with the same removes it
# make notices THIRD-PARTY-NOTICES.md anew, after Cargo.lock changed
# make bench   the performance contract, as ratios (BENCH="--full" adds 1e7 rows)
CARGO ?= cargo
PYTHON ?= python3
CC ?= cc
TARGET ?= $(or $(CARGO_TARGET_DIR),target)
VENV = $(TARGET)/venv
BENCH ?=
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
DOCDIR ?= $(DATADIR)/doc/expmig
MANDIR ?= $(DATADIR)/man
DESTDIR ?=
# Further options of cargo for what is installed: features, a target, --config profile.release.opt-level=2.
CARGOFLAGS ?=
# The tests are of the command too. One set of features for all of it: each other would compile the crate once more.
FEATURES = --features cli
CFLAGS_EXAMPLE = -std=c99 -O2 -Wall -Wextra -Wpedantic -Werror -Iinclude

.PHONY: all demo dist-libraries test test-all test-browser pictures test-clusters test-guests test-frames test-wheel test-mlflow test-chain wheel generated large fuzz sanitize tools bench check clean dist check-dist check-api install install-built uninstall notices

# What is installed has to be built first, and the tools that build it before that. Cargo uses all cores by itself.
.NOTPARALLEL:

all: dist

# The libraries and the command that are installed, as small and fast as they get, with no path of this machine in them.
dist:
	CARGO=$(CARGO) sh packaging/build.sh $(TARGET) $(CARGOFLAGS)

# The libraries alone. The command optimised as a whole takes minutes, and no example needs it.
dist-libraries:
	CARGO=$(CARGO) EXPMIG_COMMAND=$(if $(filter no,$(EXPMIG_COMMAND)),no,later) sh packaging/build.sh $(TARGET) $(CARGOFLAGS)

$(TARGET)/demo/%: examples/c/%.c include/expmig.h dist-libraries
	mkdir -p $(@D)
	$(CC) $(CFLAGS_EXAMPLE) $< $(TARGET)/dist/libexpmig.a $$(cat $(TARGET)/dist/native-static-libs) -o $@

demo: tools-demo $(addprefix $(TARGET)/demo/,validate snapshot migrate export_import report)
	cp tests/data/digits.db $(TARGET)/demo/digits.db
	rm -f $(TARGET)/demo/copy.db $(TARGET)/demo/imported.db
	@echo "--- is the data sound?"
	$(TARGET)/demo/validate $(TARGET)/demo/digits.db
	@echo "--- a snapshot, to be sure"
	$(TARGET)/demo/snapshot $(TARGET)/demo/digits.db $(TARGET)/demo/snapshots
	@echo "--- within one database"
	$(TARGET)/demo/migrate $(TARGET)/demo/digits.db 1
	@echo "--- into a new one"
	$(TARGET)/demo/migrate $(TARGET)/demo/digits.db 2 $(TARGET)/demo/copy.db
	@echo "--- again: nothing is written twice"
	$(TARGET)/demo/migrate $(TARGET)/demo/digits.db 2 $(TARGET)/demo/copy.db
	@echo "--- as a document, and from it into another database"
	$(TARGET)/demo/export_import $(TARGET)/demo/digits.db 3 $(TARGET)/demo/document.json $(TARGET)/demo/imported.db
	@echo "--- and as a page to look at"
	$(TARGET)/demo/report $(TARGET)/demo/digits.db $(abspath $(TARGET))/demo/report.html 1 2

.PHONY: tools-demo tools-wheel
tools-demo tools-wheel: tools-%:
	sh tests/install-tools.sh $*

tools:
	sh tests/install-tools.sh test
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt

# In two processes, which share nothing: what tries the package, and all else. A shell has signals ignored by what it does not wait for, and tests
# send some.
PYTHON_TESTS = export EXPMIG_DIGITS_DB=$(abspath tests/data/digits.db); \
	others=$$(ls tests/python/test_*.py | grep -v /test_package | sed 's,.*/,,; s,\.py$$,,'); \
	PYTHONPATH=tests/python env --default-signal=INT,QUIT $(VENV)/bin/python -W error -m unittest $$others >$(TARGET)/python.log 2>&1 & others=$$!; \
	$(VENV)/bin/python -W error -m unittest discover -s tests/python -p 'test_package*.py'; package=$$?; \
	wait $$others; others=$$?; cat $(TARGET)/python.log; \
	[ $$package = 0 ] && [ $$others = 0 ]

# One more than there are processors, for many tests wait for a server or for time to pass.
test: export RUST_TEST_THREADS ?= $(shell expr $$(nproc) + 1)
test: tools
	failed=0; \
	EXPMIG_PYTHON=$(abspath $(VENV))/bin/python $(CARGO) test --locked $(FEATURES) --no-fail-fast || failed=1; \
	$(CARGO) build --locked $(FEATURES) && \
	($(PYTHON_TESTS)) || failed=1; \
	exit $$failed

# One line for each target that tests something for itself.
test-all: test
test-all: test-guests
test-all: test-browser
test-all: test-wheel
test-all: test-frames
test-all: test-mlflow
test-all: test-chain

# With MLflow's own package (some 850 MB): its client reads what was copied, goes on in it, and its upgrades change no digest.
MLFLOW = mlflow==3.17.2
test-mlflow:
	$(PYTHON) -m venv $(TARGET)/mlflow
	$(TARGET)/mlflow/bin/python -m pip install --quiet "$(MLFLOW)" pymysql psycopg2-binary "psycopg[binary]==3.3.9"
	$(CARGO) build --locked $(FEATURES)
	$(TARGET)/mlflow/bin/python tests/mlflow/with_mlflow.py $(TARGET)/debug/expmig
	$(TARGET)/mlflow/bin/python tests/python/mlflow_chain.py $(TARGET)/debug/expmig $(subst mlflow==,,$(MLFLOW))=$(abspath $(TARGET))/mlflow/bin/python

# Over servers and back into a file, with every row looked at by psycopg, PyMySQL and sqlite3.
test-chain:
	sh tests/install-tools.sh test
	$(PYTHON) -m venv $(TARGET)/chain
	$(TARGET)/chain/bin/python -m pip install --quiet "psycopg[binary]==3.3.9" PyMySQL==1.2.4
	$(CARGO) build --locked $(FEATURES)
	$(TARGET)/chain/bin/python tests/python/chain.py $(TARGET)/debug/expmig
	$(TARGET)/chain/bin/python tests/python/mlflow_chain.py $(TARGET)/debug/expmig

test-clusters:
	sh tests/install-tools.sh test
	$(CARGO) test --locked $(FEATURES) --test servers clusters::

# Tests of Python's, which `make test` runs too, where Go and koffi are there.
test-guests: tools
	sh tests/install-tools.sh guests
	mkdir -p $(TARGET)/guests/node
	cp bindings/node/package.json bindings/node/package-lock.json $(TARGET)/guests/node
	cd $(TARGET)/guests/node && npm ci --ignore-scripts --no-audit --no-fund
	$(CARGO) build --locked $(FEATURES)
	cd tests/python && EXPMIG_TEST_GUESTS=1 $(abspath $(VENV))/bin/python -W error -m unittest test_guests

# EXPMIG_PICTURES names a folder for pictures to look at.
test-browser pictures: export EXPMIG_COMMAND ?= $(abspath $(TARGET))/debug/expmig
test-browser:
	sh tests/install-tools.sh browser
	$(CARGO) build --locked $(FEATURES)
	cd tests/browser && $(PYTHON) -W error -m unittest test_page

pictures:
	sh tests/install-tools.sh browser
	$(CARGO) build --locked $(FEATURES)
	$(PYTHON) tests/browser/pictures.py $(EXPMIG_COMMAND) docs/pictures

# Results as columns, in what reads them (docs/arrow.md), bars of tqdm and a notebook: 250 MB of packages, in an environment of their own.
test-frames: tools
	test -x $(TARGET)/frames/bin/python || $(PYTHON) -m venv $(TARGET)/frames
	$(TARGET)/frames/bin/python -m pip install --quiet --disable-pip-version-check -r tests/python/frames-requirements.txt
	$(CARGO) build --locked $(FEATURES)
	cd tests/python && EXPMIG_TEST_FRAMES=1 $(abspath $(TARGET))/frames/bin/python -W error -m unittest test_package_columns test_package_shown test_package_notebook

generated:
	$(CARGO) build --locked $(FEATURES)
	$(PYTHON) bindings/generate.py

# With the library that is installed.
wheel test-wheel: export EXPMIG_LIBRARY = $(abspath $(TARGET))/dist/libexpmig.so
wheel: tools-wheel dist
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r packaging/wheel-requirements.txt
	PYTHON=$(VENV)/bin/python sh packaging/wheel.sh $(TARGET)/wheels

test-wheel: wheel
	EXPMIG_WHEELS=$(TARGET)/wheels $(VENV)/bin/python -W error -m unittest discover -s tests/wheel

# Each of these programs optimised as a whole would take minutes.
large: export CARGO_PROFILE_RELEASE_LTO = off
large: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS = 16
large:
	failed=0; \
	$(CARGO) test --release --locked --no-fail-fast --test database --test hosts --test migration --test mlflow --test report --test servers --test transformation -- --ignored --nocapture || failed=1; \
	$(CARGO) test --release --locked --no-fail-fast --lib readers:: -- --ignored --nocapture || failed=1; \
	EXPMIG_FAULTS=67 $(CARGO) test --release --locked --no-fail-fast --test hosts servers:: || failed=1; \
	EXPMIG_FAULTS=300 $(CARGO) test --release --locked --test servers postgres::faults || failed=1; \
	EXPMIG_FAULTS=100 $(CARGO) test --release --locked --test mlflow server_faults || failed=1; \
	$(CARGO) build --locked $(FEATURES) && (cd tests/python && EXPMIG_INTERRUPTS=200 $(PYTHON) -W error -m unittest \
	    test_command.Command.test_ctrl_c_at_any_moment_leaves_the_target_as_it_was_or_everything_done) || failed=1; \
	exit $$failed

# Sanitizers need a nightly compiler, or a stable one that is told to be one.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS = import rules manifest url json literal pages tensorboard wandb
fuzz:
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p fuzz/corpus/$$target fuzz/seeds/$$target || exit 1; \
	    (cd fuzz && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target corpus/$$target seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=8192) || exit 1; \
	done

sanitize:
	sh tests/install-tools.sh test
	CARGO=$(CARGO) sh tests/sanitize.sh $(TARGET)/sanitize

bench: dist
	sh tests/install-tools.sh bench
	$(CARGO) build --release --locked --example bench_job
	$(PYTHON) benches/run.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench $(BENCH)
	$(PYTHON) benches/validate.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench $(BENCH)
	$(PYTHON) benches/transform.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench $(BENCH)
	$(PYTHON) benches/export.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench $(filter --full,$(BENCH))
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r benches/requirements.txt
	$(VENV)/bin/python benches/import.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench $(filter-out --full,$(BENCH))
	$(PYTHON) benches/snapshots.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench $(filter --full,$(BENCH))
	$(PYTHON) benches/servers.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench --tool $(VENV)/bin/sqlite3mysql
	$(PYTHON) benches/postgres.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench
	$(PYTHON) benches/mlflow_store.py --job $(TARGET)/release/examples/bench_job --work $(TARGET)/bench --server $(if $(filter --full,$(BENCH)),--memory 10000000)

# What CI checks beside the tests.
check:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --locked $(FEATURES) --all-targets -- -D warnings
	$(CARGO) clippy --locked --lib --no-default-features --features bundled-sqlite -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --lib $(FEATURES)
	$(CARGO) build --locked $(FEATURES)
	git diff --exit-code -- include Cargo.lock

# A test says when they do not fit Cargo.lock any more.
notices:
	CARGO=$(CARGO) $(PYTHON) packaging/notices.py >$(TARGET)/notices.md
	mv $(TARGET)/notices.md THIRD-PARTY-NOTICES.md

# What they show of themselves, how large the shared one is (at most so many MiB), and how long it takes to load.
check-dist: dist
	sh packaging/check.sh $(TARGET)/dist 9

# Before a release, beside what the tests compare.
check-api:
	CARGO=$(CARGO) sh packaging/check-api.sh "$(or $(BASELINE),$(error BASELINE names the tag or commit to compare with))" $(TARGET)/api

install: dist install-built

# Only copies, for root after `make dist`.
install-built uninstall: export PREFIX := $(PREFIX)
install-built uninstall: export BINDIR := $(BINDIR)
install-built uninstall: export LIBDIR := $(LIBDIR)
install-built uninstall: export INCLUDEDIR := $(INCLUDEDIR)
install-built uninstall: export DATADIR := $(DATADIR)
install-built uninstall: export DOCDIR := $(DOCDIR)
install-built uninstall: export MANDIR := $(MANDIR)
install-built uninstall: export DESTDIR := $(DESTDIR)
install-built:
	sh packaging/install.sh install $(TARGET)/dist

uninstall:
	sh packaging/install.sh uninstall

clean:
	$(CARGO) clean
