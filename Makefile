# SPDX-License-Identifier: Apache-2.0
# Tocsin. `make help` lists what can be made.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
DESTDIR  ?=
bindir   ?= $(PREFIX)/bin
libdir   ?= $(PREFIX)/lib
includedir ?= $(PREFIX)/include
mandir   ?= $(PREFIX)/share/man
datadir  ?= $(PREFIX)/share/tocsin

BUILD    ?= build
CC       ?= gcc
BISON    ?= bison
FLEX     ?= flex
PKG_CONFIG ?= pkg-config
CFLAGS   ?= -O3 -g
WERROR   ?= $(if $(CI),-Werror)

# The rooms of the engine in the order of docs/architecture.md. ROOMS may name
# fewer, to build and test a part on its own.
ALL_ROOMS := base packet flow pair decode input sets grammar state vm compile alert core feed author ruleset daemon
ROOMS    ?= $(ALL_ROOMS)

DEPS_APT := gcc make bison flex pkg-config libpcre2-dev libpcap-dev libcriterion-dev \
    zlib1g-dev libzstd-dev liblzma-dev libbz2-dev liblz4-dev liblzo2-dev libjsmn-dev libssl-dev libmicrohttpd-dev libsqlite3-dev \
    libjansson-dev libsodium-dev libarchive-dev libcurl4-openssl-dev

# Optional parts: pkg-config's name and the word of TSN_HAVE_. What is not there is left out, and said when it is asked for.
optional  := zlib:ZLIB libzstd:ZSTD liblzma:LZMA liblz4:LZ4 lzo2:LZO \
    jansson:JANSSON libsodium:SODIUM
# Of these only the headers: they are loaded when they are needed (engine/base/late.h).
late      := libarchive:ARCHIVE libcurl:CURL libpcap:PCAP sqlite3:SQLITE libmicrohttpd:HTTP openssl:TLS
modules   := $(shell for o in $(optional); do $(PKG_CONFIG) --exists $${o%%:*} 2>/dev/null && echo $$o; done)
late_modules := $(shell for o in $(late); do $(PKG_CONFIG) --exists $${o%%:*} 2>/dev/null && echo $$o; done)
# these two have no pkg-config file
have_bz2  := $(shell printf '\043include <bzlib.h>' | $(CC) -E -x c - >/dev/null 2>&1 && echo BZ2)
have_jsmn := $(shell printf '\043include <jsmn.h>' | $(CC) -E -x c - >/dev/null 2>&1 && echo JSMN)
LIB_MODULES := libpcre2-8 $(foreach m,$(modules),$(firstword $(subst :, ,$(m))))
have      := $(foreach m,$(modules) $(late_modules),$(lastword $(subst :, ,$(m)))) $(have_bz2) $(have_jsmn)

# One set of flags for every flavour; contraction off, so that results do not depend on the CPU.
STD      := -std=c17 -D_GNU_SOURCE -fno-strict-aliasing -ffp-contract=off -fPIC -pthread
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla $(WERROR)
DEFS     := -DTSN_VERSION='"$(VERSION)"' -DTSN_DATADIR='"$(datadir)"' $(addprefix -DTSN_HAVE_,$(have))
INCS      = -I engine -I . -I $(BUILD)/gen
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIB_MODULES) $(foreach m,$(late_modules),$(firstword $(subst :, ,$(m)))) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(LIB_MODULES) 2>/dev/null)
ALL_CFLAGS  = $(STD) $(WARN) $(DEFS) $(INCS) $(PKG_CFLAGS) $(CFLAGS) $(SANITIZE)
LIBS        = $(PKG_LIBS) $(if $(have_bz2),-lbz2) -lm -pthread

# V=1 shows whole commands.
ifeq ($(V),)
say = @printf '  %-6s %s\n' $(1) $(2);
endif

room_dirs := $(foreach r,$(ROOMS),$(if $(filter grammar,$(r)),grammar,engine/$(r)))
lib_src  := $(sort $(wildcard $(addsuffix /*.c,$(room_dirs))))
cli_src  := $(sort $(wildcard engine/cli/*.c))
gen_src  := $(if $(filter grammar,$(ROOMS)),$(BUILD)/gen/parser.tab.c $(BUILD)/gen/lexer.c)
gen_hdr  := $(if $(filter grammar,$(ROOMS)),$(BUILD)/gen/parser.tab.h $(BUILD)/gen/lexer.h)
lib_obj  := $(lib_src:%.c=$(BUILD)/%.o) $(gen_src:%.c=%.o)
cli_obj  := $(cli_src:%.c=$(BUILD)/%.o)

.PHONY: all
all: $(BUILD)/tocsin $(BUILD)/libtocsin.so.0

$(BUILD)/tocsin: $(cli_obj) $(BUILD)/libtocsin.a
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(cli_obj) $(BUILD)/libtocsin.a $(LIBS)

$(BUILD)/libtocsin.a: $(lib_obj)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $(lib_obj)

# Only the functions of engine/tocsin.h are visible in the shared library.
$(BUILD)/libtocsin.so.0: $(lib_obj) engine/tocsin.map
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libtocsin.so.0 -Wl,--version-script=engine/tocsin.map -o $@ $(lib_obj) $(LIBS)
	@ln -sf libtocsin.so.0 $(BUILD)/libtocsin.so

$(BUILD)/gen/parser.tab.c $(BUILD)/gen/parser.tab.h &: grammar/tocsin.y
	@mkdir -p $(BUILD)/gen
	$(call say,BISON,$<)$(BISON) -Wall -Werror -Wno-yacc -Wno-other --defines=$(BUILD)/gen/parser.tab.h -o $(BUILD)/gen/parser.tab.c $<

$(BUILD)/gen/lexer.c $(BUILD)/gen/lexer.h &: grammar/tocsin.l
	@mkdir -p $(BUILD)/gen
	$(call say,FLEX,$<)$(FLEX) -Cf --header-file=$(BUILD)/gen/lexer.h -o $(BUILD)/gen/lexer.c $<

# What other sanitizers were built into does not link with this.
$(BUILD)/sanitizers: FORCE
	@mkdir -p $(@D)
	@echo '$(SANITIZE)' | cmp -s - $@ || echo '$(SANITIZE)' > $@
.PHONY: FORCE

# What flex and bison write is not ours to keep free of every warning.
$(BUILD)/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/sanitizers | $(gen_hdr)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -Wno-shadow -Wno-missing-prototypes -Wno-sign-compare -Wno-unused-function -I grammar -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c $(BUILD)/sanitizers | $(gen_hdr)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

include tests/tests.mk

.PHONY: deps
deps: ## install what is missing to build and test (Debian)
	@sh .ci/install $(DEPS_APT)

.PHONY: demo
demo: deps ## build, then run the standard library over a recorded capture
	@$(MAKE) --no-print-directory all
	@sh tests/demo.sh $(BUILD)/tocsin

.PHONY: check-deps
check-deps: ## includes between rooms run one way
	@sh tests/check_deps.sh

.PHONY: docs
docs: all ## write the pages that are made from the program's tables
	$(BUILD)/tocsin fields --format markdown > docs/normal-form.md

.PHONY: lint
lint: check-deps ## includes, generated files, static analysis
	@sh tests/lint.sh

.PHONY: install
install: all ## into $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(includedir) $(DESTDIR)$(datadir) $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5
	install -m 755 $(BUILD)/tocsin $(DESTDIR)$(bindir)/tocsin
	install -m 644 $(BUILD)/libtocsin.a $(DESTDIR)$(libdir)/libtocsin.a
	install -m 755 $(BUILD)/libtocsin.so.0 $(DESTDIR)$(libdir)/libtocsin.so.0
	ln -sf libtocsin.so.0 $(DESTDIR)$(libdir)/libtocsin.so
	install -m 644 engine/tocsin.h $(DESTDIR)$(includedir)/tocsin.h
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LIBS)|' engine/tocsin.pc.in > $(DESTDIR)$(libdir)/pkgconfig/tocsin.pc
	cp -R stdlib-rules $(DESTDIR)$(datadir)/
	cp -R rules $(DESTDIR)$(datadir)/
	install -m 644 docs/man/*.1 $(DESTDIR)$(mandir)/man1/
	install -m 644 docs/man/*.5 $(DESTDIR)$(mandir)/man5/

.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(bindir)/tocsin $(DESTDIR)$(libdir)/libtocsin.a $(DESTDIR)$(libdir)/libtocsin.so $(DESTDIR)$(libdir)/libtocsin.so.0 \
	    $(DESTDIR)$(includedir)/tocsin.h $(DESTDIR)$(libdir)/pkgconfig/tocsin.pc $(DESTDIR)$(mandir)/man1/tocsin*.1 $(DESTDIR)$(mandir)/man5/tocsin*.5
	rm -rf $(DESTDIR)$(datadir)

.PHONY: clean
clean:
	rm -rf $(BUILD)

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*## ' Makefile tests/tests.mk | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 24
