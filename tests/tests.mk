# SPDX-License-Identifier: Apache-2.0
# Tests: one Criterion program for each tests/unit/test_*.c, all built with the
# address and undefined-behaviour sanitizers in a build directory of their own.
# Undefined behaviour ends in a trap, which the address sanitizer reports with the line, not in a call that words it: that makes
# the library a third of the size, and the tests' thousand processes have 300,000 relocations less to do as they start.

TEST_BUILD   := $(BUILD)/san
TEST_SAN     := -fsanitize=address,undefined -fsanitize-undefined-trap-on-error -fno-omit-frame-pointer
JOBS         ?= $(shell nproc 2>/dev/null || echo 2)
# -Og, not -O1: the passes it leaves out take as long as all others over what the sanitizers put in (a third of the build), and the tests run
# as quickly without them.
TEST_MAKE     = $(MAKE) --no-print-directory -j$(JOBS) BUILD=$(TEST_BUILD) CFLAGS="-Og -g1" COLD="-O0 -g1" SANITIZE="$(TEST_SAN)" ROOMS="$(ROOMS)"
suites       := $(patsubst tests/unit/test_%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
suite_bins    = $(addprefix $(BUILD)/tests/test_,$(suites))

TEST_APT      := $(DEPS_APT) nfdump nfdump-sflow softflowd pmacct tcpdump iproute2 iputils-ping curl nmap iperf3 python3 tzdata minisign openssl

.PHONY: test-deps
test-deps:
	@sh .ci/install $(TEST_APT)

.PHONY: test
test: test-deps ## every suite under ASan and UBSan, the rules' own tests, the command line
	@$(TEST_MAKE) WERROR=-Werror test-programs
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/plain COLD=-O1 CFLAGS=-O3 WERROR= $(BUILD)/plain/tocsin # without sanitizers: what must live in little memory
	@TSN_BIN=$(TEST_BUILD)/tocsin TSN_RELEASE=$(BUILD)/plain/tocsin sh tests/run.sh $(TEST_BUILD)

# Rooms that do not see every flow need not be fast, only quickly built (COLD= their flags); the others are built as they are shipped
# where there are no sanitizers. The sanitized build optimises the first of them not at all: what only an optimising compiler warns
# of is told by the other. Whole libraries of rules are compiled too often for that.
cold_rooms := author ruleset daemon cli feed packet sets
ifneq ($(COLD),)
cold_files := $(foreach r,$(cold_rooms),$(BUILD)/engine/$(r)/%.o)
$(cold_files): override CFLAGS = $(COLD)
$(BUILD)/engine/compile/%.o $(BUILD)/grammar/%.o $(BUILD)/gen/%.o: override CFLAGS = $(if $(SANITIZE),-Og,-O1) -g1
endif

.PHONY: suite
suite: ## one suite: make suite S=flow [ROOMS="base flow"]
	@$(TEST_MAKE) one-suite S=$(S)
	@sh tests/run.sh $(TEST_BUILD) $(S)

.PHONY: soak
soak: test-deps ## the long runs: a million mutations, thousands of random rules, fifty reloads under load
	@$(TEST_MAKE) WERROR=-Werror test-programs
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/tocsin # what is killed at each of its system calls
	@TSN_SOAK=1 TSN_BIN=$(TEST_BUILD)/tocsin TSN_RELEASE=$(BUILD)/tocsin sh tests/run.sh $(TEST_BUILD)

tsan_suites := core_threads core_reloads core_later reload input_ahead input_mapped receivers intake
.PHONY: tsan
tsan: ## what is run on several threads, under ThreadSanitizer
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/tsan CFLAGS="-O1 -g1" SANITIZE="-fsanitize=thread" $(BUILD)/tsan/tocsin $(addprefix $(BUILD)/tsan/,$(tsan_suites))
	@sh tests/tsan.sh $(BUILD)/tsan "$(tsan_suites)"

$(addprefix $(BUILD)/,$(tsan_suites)): $(BUILD)/%: tests/unit/test_%.c $(BUILD)/libtocsin.a
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) -I tests/alone -I tests -Wno-missing-prototypes -Wno-unused-parameter -o $@ $< $(BUILD)/libtocsin.a $(LIBS)

.PHONY: quality
quality: all ## write stdlib-rules/QUALITY.md: what each rule says of the shared captures, benign and malicious
	@python3 tests/quality/quality.py $(BUILD)/tocsin ../shared/data > stdlib-rules/QUALITY.md

.PHONY: golden
golden: ## rewrite the golden texts; review the diff
	@$(TEST_MAKE) test-programs
	@TSN_GOLDEN_WRITE=1 TSN_BIN=$(TEST_BUILD)/tocsin sh tests/run.sh $(TEST_BUILD)

bench_state_bins := $(addprefix $(BUILD)/bench_,state ticks pair snapshot reload) $(BUILD)/flood
bench_bins       := $(addprefix $(BUILD)/,flowgen replay blast bench_state bench_pair bench_aside)
BENCH_APT        := $(DEPS_APT) python3 nfdump nfdump-sflow
.PHONY: bench
bench: ## every target of docs/performance.md against nfdump and who else is here, in one run; SHORT=1: a look
	@sh .ci/install $(BENCH_APT)
	@$(MAKE) --no-print-directory all $(bench_bins)
	@python3 tests/bench/bench.py $(BUILD) $(if $(SHORT),--short)

.PHONY: bench-cliffs
bench-cliffs: ## rules, keys, prefixes, threads doubled step by step: where the cost of a flow jumps; SHORT=1: a look
	@sh .ci/install $(DEPS_APT) python3
	@$(MAKE) --no-print-directory $(BUILD)/tocsin $(BUILD)/flowgen
	@python3 tests/bench/cliffs.py $(BUILD) $(if $(SHORT),--short)

.PHONY: bench-plots
bench-plots: ## docs/plots and the tables of docs/performance.md from what bench and bench-cliffs left
	@python3 tests/bench/plot.py $(BUILD) docs/plots
	@python3 tests/bench/page.py $(BUILD) docs/performance.md

.PHONY: bench-check
bench-check: ## instructions of small workloads against those committed; UPDATE=1 writes them anew
	@sh .ci/install $(DEPS_APT) python3 valgrind
	@$(MAKE) --no-print-directory $(BUILD)/tocsin $(BUILD)/flowgen
	@python3 tests/bench/check.py $(BUILD) $(if $(UPDATE),--update)

.PHONY: bench-state
bench-state: ## what groups, windows, ticks, conversations and snapshots cost; a few minutes
	@$(MAKE) --no-print-directory $(bench_state_bins)
	@sh tests/bench/state.sh $(BUILD)

.PHONY: bench-receive
bench-receive: ## what receiving costs beside evaluating, by one thread and by receivers of their own
	@$(MAKE) --no-print-directory $(BUILD)/bench_receive $(BUILD)/flowgen
	@mkdir -p $(BUILD)/bench
	@$(BUILD)/flowgen --flows 700000 --out $(BUILD)/bench/receive.pcap
	@$(BUILD)/bench_receive $(BUILD)/bench/receive.pcap

.PHONY: fuzz
fuzz: ## build the fuzz targets with clang's libFuzzer and run each for FUZZ_SECONDS (30)
	@sh tests/fuzz/run.sh $(BUILD)

.PHONY: test-programs one-suite
test-programs: $(BUILD)/tocsin $(suite_bins) $(BUILD)/flowgen $(BUILD)/replay $(BUILD)/hostile $(BUILD)/spoil $(BUILD)/killer
one-suite: $(BUILD)/tests/test_$(S)

# The suites are many: they share one library instead of each linking all of it, and their own code is compiled quickly, not well
# (what is under test has the flags of the build). The address sanitizer must see their arrays; undefined behaviour is looked
# for in the library alone, which takes a third off compiling the suites and nothing from what they find.
TEST_CFLAGS  ?= $(CFLAGS) -O0 -fno-sanitize=undefined --param asan-instrumentation-with-call-threshold=0
.SECONDARY: $(suites:%=$(BUILD)/tests/unit/test_%.o)

# These look at everything for everything, so that their own code is what takes long: optimised, and its checks in line.
models := alert_life pair_scans state
$(models:%=$(BUILD)/tests/unit/test_%.o): TEST_CFLAGS = $(CFLAGS) -O1 -fno-sanitize=undefined

$(BUILD)/tests/unit/%.o: tests/unit/%.c $(BUILD)/sanitizers | $(gen_hdr)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -I tests -Wno-missing-prototypes -Wno-missing-field-initializers -MMD -MP -c -o $@ $<

$(BUILD)/libtocsin-tests.so: $(lib_obj) $(BUILD)/tests/certificates.o
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libtocsin-tests.so -o $@ $^ $(LIBS)

# A hundred and fifty links: gold, where binutils has it, takes a quarter of the time of the usual linker for each.
suite_linker := $(if $(shell command -v ld.gold),-fuse-ld=gold)

$(BUILD)/tests/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/libtocsin-tests.so
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(suite_linker) -Wl,-rpath,'$$ORIGIN/..' -o $@ $< $(BUILD)/libtocsin-tests.so $(LIBS) -lcriterion -Wl,--as-needed $(foreach m,libarchive openssl,$(shell $(PKG_CONFIG) --libs $(m) 2>/dev/null))

$(BUILD)/flowgen: $(addprefix tests/gen/,flowgen.c workload.c messages.c frames.c workload.h messages.h frames.h wire.h)
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(STD) $(WARN) -O2 -o $@ $(filter %.c,$^)

$(BUILD)/replay: tests/gen/replay.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(STD) $(WARN) -O2 -o $@ $<

$(BUILD)/hostile: tests/gen/hostile.c tests/gen/wire.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(STD) $(WARN) -O2 -o $@ $<

$(BUILD)/spoil: tests/gen/spoil.c tests/unit/xorshift.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(STD) $(WARN) -O2 -o $@ $<

$(BUILD)/killer: tests/gen/killer.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(STD) $(WARN) -O2 -o $@ $<

$(BUILD)/blast: tests/bench/blast.c tests/bench/seconds.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(STD) $(WARN) -O2 -o $@ $<

# What is measured within the process, without a file: the engine's own headers and its static library.
$(BUILD)/bench_%: tests/bench/bench_%.c $(BUILD)/libtocsin.a
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -I tests -Wno-missing-prototypes -MMD -MP $(LDFLAGS) -o $@ $< $(BUILD)/libtocsin.a $(LIBS)

$(BUILD)/flood: tests/bench/flood.c $(BUILD)/libtocsin.a
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -MMD -MP $(LDFLAGS) -o $@ $< $(BUILD)/libtocsin.a $(LIBS)

# Fuzz targets: with clang's libFuzzer where installed (FUZZ=clang), else a main that replays the corpus.
fuzzers      := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
.PHONY: fuzz-programs
fuzz-programs: $(addprefix $(BUILD)/fuzz/,$(fuzzers))
$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c $(BUILD)/libtocsin.a
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -I tests -Wno-missing-prototypes $(FUZZ_FLAGS) -o $@ $< $(BUILD)/libtocsin.a $(LIBS)
