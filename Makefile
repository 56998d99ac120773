# lb: small programs for large numbers of LLM calls. Needs GNU make.
#
#   all              the tools, in build/bin (the default)
#   deps             install what is missing to build and to test
#   demo             the main job on real input, against lbmock
#   check            all tests; the last line is "N passed, N failed"
#   check-asan       the same under AddressSanitizer and UndefinedBehaviorSanitizer
#   check-valgrind   unit tests and a part of the others under valgrind
#   fuzz             each fuzz target for FUZZ_SECONDS (needs clang)
#   bench            the figures, as a table
#   lint, format     layers, prefixes, scripts, man pages, style; clang-format in place
#   install          below PREFIX in DESTDIR; uninstall takes it away again
#   dist             a tar file of the committed state, in build
#   deb              a Debian package of the files as they are, in build
#   clean
#
# BUILD=dir builds elsewhere; WERROR=1 makes warnings errors; FILTER=text runs those test files only whose
# names contain it.

VERSION = 0.1.0
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
MANDIR = $(PREFIX)/share/man
SHAREDIR = $(PREFIX)/share/lb
DOCDIR = $(PREFIX)/share/doc/lb
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
BUILD = build
FUZZ_SECONDS = 60

# CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS are the user's; what the code needs stands in LB_* beside them.
CFLAGS ?= -O2 -g
INSTALL = install
CLANG = clang

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion
ifneq ($(WERROR)$(CI),)
WARN += -Werror
endif
# _GNU_SOURCE: under -std=c11 the C library declares nothing beyond ISO C until told to. This one macro
# brings POSIX.1-2008 and the Linux calls that have a portable fallback.
LB_CPPFLAGS = -D_GNU_SOURCE -DLB_VERSION='"$(VERSION)"' -DLB_SHAREDIR='"$(SHAREDIR)"' -Ilib
LB_CFLAGS = -std=c11 $(WARN)
LB_LDFLAGS =

TOOLS := $(patsubst tools/%.c,%,$(wildcard tools/*.c))
MOCK := $(if $(wildcard contrib/lbmock/*.c),lbmock)
PROGRAMS := $(addprefix $(BUILD)/bin/,$(TOOLS) $(MOCK))
BASH_FILES := $(PROGRAMS:$(BUILD)/bin/%=$(BUILD)/share/bash-completion/completions/%)
ZSH_FILES := $(PROGRAMS:$(BUILD)/bin/%=$(BUILD)/share/zsh/site-functions/_%)
FISH_FILES := $(PROGRAMS:$(BUILD)/bin/%=$(BUILD)/share/fish/vendor_completions.d/%.fish)
SHARED := $(BUILD)/share/lb/prices.json $(BASH_FILES) $(ZSH_FILES) $(FISH_FILES)
LIB_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/*.c))
MOCK_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard contrib/lbmock/*.c))

# Each file of tests that is a program of its own. The fuzz targets get a main that replays a corpus;
# "make fuzz" gives them libFuzzer's instead.
UNIT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
AIDS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/cli/*.c))
BENCH := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
FUZZ_DRIVER = $(BUILD)/tests/fuzz/driver.o

all: $(PROGRAMS) $(SHARED)

# Who links what. libjq comes without a .pc file. Tests get all of it: the linker leaves out what the
# one module that a test is about does not use.
JQ = -ljq
CRYPTO = -lcrypto
CURL := $(or $(shell pkg-config --libs libcurl 2>/dev/null),-lcurl)
SQLITE := $(or $(shell pkg-config --libs sqlite3 2>/dev/null),-lsqlite3)
XXHASH := $(or $(shell pkg-config --libs libxxhash 2>/dev/null),-lxxhash)
MICROHTTPD := $(or $(shell pkg-config --libs libmicrohttpd 2>/dev/null),-lmicrohttpd)

$(BUILD)/bin/lbchunk: LIBS = $(JQ) $(CRYPTO)
$(BUILD)/bin/lbcheckpoint: LIBS = $(JQ) $(CRYPTO) $(XXHASH)
$(BUILD)/bin/lbretry: LIBS = $(JQ)
$(BUILD)/bin/lbcall: LIBS = $(CURL)
$(BUILD)/bin/lbbatch: LIBS = $(CURL) $(CRYPTO)
$(BUILD)/bin/lbcache: LIBS = $(SQLITE) $(JQ) $(CRYPTO)
$(BUILD)/bin/lbcost: LIBS = $(SQLITE)
$(BUILD)/bin/lbmock: LIBS = $(MICROHTTPD) -lm
$(UNIT) $(FUZZ) $(AIDS) $(BENCH): LIBS = -Wl,--as-needed $(JQ) $(CRYPTO) $(CURL) $(SQLITE) $(XXHASH) -lm

$(TOOLS:%=$(BUILD)/bin/%): $(BUILD)/bin/%: $(BUILD)/tools/%.o
$(BUILD)/bin/lbmock: $(MOCK_OBJECTS)
$(UNIT) $(FUZZ) $(AIDS) $(BENCH): %: %.o
$(FUZZ): $(FUZZ_DRIVER)

$(PROGRAMS) $(UNIT) $(FUZZ) $(AIDS) $(BENCH): $(BUILD)/liblb.a
	@mkdir -p $(@D)
	$(CC) $(LB_CFLAGS) $(CFLAGS) $(LB_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/liblb.a \
	    $(LIBS) $(LDLIBS)

# They look for prices beside the directory they stand in, here as where they are installed.
$(BUILD)/bin/lbchunk $(BUILD)/bin/lbcost: | $(BUILD)/share/lb/prices.json
$(BUILD)/share/lb/prices.json: contrib/prices.json
	@mkdir -p $(@D)
	cp $< $@

# What shells know of the options is what the programs say of them.
$(BASH_FILES): $(BUILD)/share/bash-completion/completions/%: $(BUILD)/bin/% contrib/completions/generate
	@mkdir -p $(@D)
	contrib/completions/generate bash $< >$@
$(ZSH_FILES): $(BUILD)/share/zsh/site-functions/_%: $(BUILD)/bin/% contrib/completions/generate
	@mkdir -p $(@D)
	contrib/completions/generate zsh $< >$@
$(FISH_FILES): $(BUILD)/share/fish/vendor_completions.d/%.fish: $(BUILD)/bin/% contrib/completions/generate
	@mkdir -p $(@D)
	contrib/completions/generate fish $< >$@

# Made anew, so that nothing stays in it of a source that is gone; and in one step.
$(BUILD)/liblb.a: $(LIB_OBJECTS)
	@rm -f $@.new
	$(AR) rcs $@.new $^
	@mv -f $@.new $@

# The Makefile holds the version and the flags.
$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(LB_CPPFLAGS) $(CPPFLAGS) $(LB_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

deps:
	contrib/deps build test

demo:
	contrib/deps build
	+@$(MAKE) --no-print-directory all
	contrib/demo

check:
	contrib/deps build test
	+@$(MAKE) --no-print-directory check-built

test-programs: $(PROGRAMS) $(SHARED) $(UNIT) $(FUZZ) $(AIDS)

check-built: test-programs
	@tests/run $(BUILD) $(FILTER)

check-asan:
	contrib/deps build test
	+@$(MAKE) --no-print-directory check-built BUILD=$(BUILD)/asan \
	    CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"

check-valgrind: test-programs
	@tests/run -g $(BUILD) $(FILTER)

fuzz:
	contrib/deps build fuzz
	+@$(MAKE) --no-print-directory fuzz-run BUILD=$(BUILD)/fuzz CC=$(CLANG) FUZZ_DRIVER= \
	    LB_LDFLAGS=-fsanitize=fuzzer \
	    CFLAGS="-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"

# New inputs are kept in BUILD; those that crash, as BUILD/NAME-crash-*.
fuzz-run: $(FUZZ)
	@set -e; for name in $(patsubst fuzz_%,%,$(notdir $(FUZZ))); do \
		echo "fuzz_$$name, $(FUZZ_SECONDS) s"; \
		mkdir -p $(BUILD)/corpus/$$name; \
		$(BUILD)/tests/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=4096 \
		    -verbosity=0 -print_final_stats=1 -artifact_prefix=$(BUILD)/$$name- \
		    $(BUILD)/corpus/$$name tests/fuzz/corpus/$$name; \
	done

bench:
	contrib/deps build bench
	+@$(MAKE) --no-print-directory bench-programs
	BUILD=$(BUILD) tests/bench/run

bench-programs: $(PROGRAMS) $(BENCH)

lint:
	@tests/lint

format:
	clang-format -i $$(find lib tools contrib tests -name '*.[ch]')

# What goes where, with which mode: once, for put and for take.
PAGES := $(wildcard man/*.[157])
RECIPES := $(wildcard contrib/recipes/*)
define each
	$(call $(1),755,$(BINDIR),$(PROGRAMS))
	$(call $(1),644,$(MANDIR)/man1,$(filter %.1,$(PAGES)))
	$(call $(1),644,$(MANDIR)/man5,$(filter %.5,$(PAGES)))
	$(call $(1),644,$(MANDIR)/man7,$(filter %.7,$(PAGES)))
	$(call $(1),644,$(SHAREDIR),contrib/prices.json)
	$(call $(1),755,$(SHAREDIR)/recipes,$(filter-out %.service %.timer,$(RECIPES)))
	$(call $(1),644,$(SHAREDIR)/recipes,$(filter %.service %.timer,$(RECIPES)))
	$(call $(1),644,$(DOCDIR),README.md LICENSE)
	$(call $(1),644,$(BASHDIR),$(BASH_FILES))
	$(call $(1),644,$(ZSHDIR),$(ZSH_FILES))
	$(call $(1),644,$(FISHDIR),$(FISH_FILES))
endef
put = $(INSTALL) -d "$(DESTDIR)$(2)" && $(INSTALL) -m $(1) $(3) "$(DESTDIR)$(2)"
take = rm -f $(foreach name,$(notdir $(3)),"$(DESTDIR)$(2)/$(name)")

# A SHAREDIR that is not ../share/lb as seen from BINDIR is to be named when lbcost is built as well.
install: all
	$(call each,put)

uninstall:
	$(call each,take)
	for directory in "$(SHAREDIR)/recipes" "$(SHAREDIR)" "$(DOCDIR)"; do \
		rmdir "$(DESTDIR)$$directory" 2>/dev/null || :; \
	done

dist:
	@mkdir -p $(BUILD)
	git archive --prefix=lb-$(VERSION)/ -o $(abspath $(BUILD))/lb-$(VERSION).tar.gz HEAD

deb:
	contrib/deps build deb
	contrib/debian/build $(BUILD)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -type f -name '*.d' -not -path '$(BUILD)/asan/*' -not -path '$(BUILD)/fuzz/*' 2>/dev/null)

.PHONY: all bench bench-programs check check-asan check-built check-valgrind clean deb demo deps dist format fuzz fuzz-run \
        install lint test-programs uninstall
.SECONDARY:
.DELETE_ON_ERROR:
