# mstools: mail out of Microsoft 365 by IMAP.
#
#	make			build/bin/*, build/libexec/msworker
#	make install		PREFIX=/usr/local, DESTDIR=
#	make demo		a mailbox, an issuer and the programs, on this machine alone
#	make check		all tests, and most of them once more under sanitizers
#	make lint		format, headers, shell, manual pages; both compilers, warnings are errors
#	make format		clang-format over everything
#	make valgrind		the unit tests, and those that drive the most of the code, under valgrind
#	make fuzz fault interop coverage bench-quick bench
#
# BUILD=dir builds elsewhere, SAN=1 with the sanitizers (in dir-san), NO_CAGE=1
# without the worker's system call filter, for valgrind (in dir-nocage).
# LOOSE=1 goes on without the objects that do not compile.  V=1 shows commands.

VERSION	= 1.0
PREFIX	?= /usr/local
CFLAGS	?= $(if $(SAN),-O1,-O2) -g
BUILD	?= build
bindir	= $(PREFIX)/bin
libexecdir = $(PREFIX)/libexec/mstools
mandir	= $(PREFIX)/share/man
compdir	= $(PREFIX)/share/bash-completion/completions

B	:= $(BUILD)$(if $(SAN),-san)$(if $(NO_CAGE),-nocage)

OPTIMIZED = $(filter -O -O1 -O2 -O3 -Os -Og,$(CFLAGS))
WARN	= -Wall -Wextra -Wshadow -Wcast-qual -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla
HARDEN	= -fstack-protector-strong -fPIE $(if $(OPTIMIZED),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
DEFS	= -D_GNU_SOURCE -DMSTOOLS_VERSION='"$(VERSION)"' -DMSTOOLS_LIBEXECDIR='"$(libexecdir)"'
ifneq ($(SAN),)
HARDEN	= -fPIE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANLINK	= -fsanitize=address,undefined
endif
ifneq ($(SAN)$(NO_CAGE),)
DEFS	+= -DMSTOOLS_NO_CAGE
endif

# The project's own flags, apart from CFLAGS, CPPFLAGS and LDFLAGS, which are the user's.
P_CFLAGS = -std=c11 $(WARN) $(WERROR) $(HARDEN)
P_CPPFLAGS = -Ilib $(DEFS)
P_LDFLAGS = -pie -Wl,-z,relro,-z,now $(SANLINK)
# As needed: msfetch without libcurl and the thirty libraries behind it starts in half the time;
# msworker loads it (imap/dial_proxy.c) when it has to go through a proxy.
# libetpan's parser goes into msworker: the shared library loads thirteen others, GnuTLS among them, of
# which nothing is used, into the one process that reads what strangers wrote, and they take half of its
# start.  After a security update of libetpan, make clean all; make ETPAN=-letpan takes the shared one.
# (With the sanitizers too: it loses pieces of replies that it cannot parse, and is known by its name.)
ETPAN	= $(if $(SAN),-letpan,-l:libetpan.a -lsasl2 -llockfile)
# SHA-256 is all that msfetch, msls and msmark want of OpenSSL; to load the library for it takes a third of
# their start.
SHA256LIB := $(if $(filter /%,$(shell $(CC) $(CFLAGS) -print-file-name=libcrypto.a 2>/dev/null)),-l:libcrypto.a,-lcrypto)
# libcurl by its OpenSSL flavour's file name: -lcurl is the GnuTLS one wherever libetpan-dev is installed.
LIBS	= -Wl,--as-needed $(ETPAN) -l:libcurl.so.4 -lssl -lcrypto -lsqlite3 -ljansson -lseccomp -lpthread
COMPILE	= $(CC) $(P_CPPFLAGS) $(CPPFLAGS) $(P_CFLAGS) $(CFLAGS) -MMD -MP
LINK	= $(CC) $(P_LDFLAGS) $(CFLAGS) $(LDFLAGS)

LIB	= $(B)/lib/libmstools.a
LIBOBJ	= $(patsubst %.c,$(B)/obj/%.o,$(wildcard lib/*/*.c))
WORKER	= $(patsubst cmd/%.c,$(B)/libexec/%,$(wildcard cmd/msworker.c))
BINS	= $(patsubst cmd/%.c,$(B)/bin/%,$(filter-out cmd/msworker.c,$(wildcard cmd/*.c)))
UNIT	= $(patsubst %.c,$(B)/%.t,$(wildcard tests/unit/*.c))

all: $(LIB) $(BINS) $(WORKER)

tests: all $(UNIT)

objects: $(LIBOBJ) $(patsubst %.c,$(B)/obj/%.o,$(wildcard cmd/*.c tests/unit/*.c))

Q	= $(if $(V),,@)
SAY	= $(if $(V),@:,@printf '  %-4s %s\n')

$(LIB): $(LIBOBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(SAY) AR $@
	$(Q)$(AR) rcs $@ $(if $(LOOSE),$$(ls $(LIBOBJ) 2>/dev/null),$(LIBOBJ))

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(if $(LOOSE),-)$(Q)$(COMPILE) -c -o $@ $<

define program
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(LINK) -o $@ $< $(LIB) $(LIBS)
endef

$(B)/bin/%: $(B)/obj/cmd/%.o $(LIB)
	$(program)

$(addprefix $(B)/bin/,msfetch msls msmark): LIBS = -Wl,--as-needed $(SHA256LIB) -lsqlite3 -ljansson -lpthread

$(B)/libexec/%: $(B)/obj/cmd/%.o $(LIB)
	$(program)

$(B)/tests/unit/%.t: $(B)/obj/tests/unit/%.o $(LIB)
	$(program)

SCRIPTS	= mscheck msgrant msfilter msfleet

install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libexecdir) $(DESTDIR)$(compdir) \
	    $(addprefix $(DESTDIR)$(mandir)/man,1 5 7)
	install -m 755 $(BINS) $(addprefix scripts/,$(SCRIPTS)) $(DESTDIR)$(bindir)
	install -m 755 $(WORKER) $(DESTDIR)$(libexecdir)
	for s in 1 5 7; do \
		install -m 644 man/*.$$s $(DESTDIR)$(mandir)/man$$s || exit 1; \
	done
	install -m 644 scripts/completion $(DESTDIR)$(compdir)/mstoken
	for p in msfetch msmark msls; do ln -sf mstoken $(DESTDIR)$(compdir)/$$p || exit 1; done

# Every run of the tests, plain and sanitized, is one run of prove, so that its
# last line and its status speak for all.
JOBS	?= $(shell nproc)
SANB	= $(BUILD)-san
TOOL_TESTS = $(wildcard tests/tool/*.t)
# A second time, sanitized: what drives the most of the code in the least time.
SAN_AGAIN = fetch fetch-limits fetch-poison fetch-session msmark msls mstoken
SAN_TOOL_TESTS = $(patsubst %,$(SANB)/tests/tool/%.t,$(SAN_AGAIN))
SAN_UNIT = $(patsubst $(BUILD)/%,$(SANB)/%,$(UNIT))
# Under valgrind, of which make check has a sample (tests/tool/valgrind.t).
VALGRIND_UNIT = $(patsubst %,$(BUILD)-nocage/tests/unit/%.t,$(shell cat tests/valgrind/units))

check:
	scripts/deps test lint
	$(MAKE) lint
	$(MAKE) -j$(JOBS) SAN= NO_CAGE= tests
	$(MAKE) -j$(JOBS) SAN=1 NO_CAGE= tests
	$(MAKE) -j$(JOBS) SAN= NO_CAGE=1 all $(VALGRIND_UNIT)
	mkdir -p $(SANB)/tests/tool
	ln -sf $(addprefix $(CURDIR)/,$(TOOL_TESTS)) $(SANB)/tests/tool
	BUILD=$(BUILD) prove -j2 --timer --exec tests/one $(TOOL_TESTS) $(SAN_TOOL_TESTS) $(UNIT) $(SAN_UNIT)

demo:
	scripts/deps test
	$(MAKE) all
	BUILD=$(BUILD) scripts/demo

LINT_C	= $(sort $(wildcard lib/*/*.[ch] cmd/*.[ch] tests/*/*.[ch]))
LINT_SH	= $(filter-out %.md %.json,$(sort $(wildcard scripts/* tests/one tests/*/run tests/tool/*.t tests/lib/sh .ci/run))) \
	$(shell grep -lE '^\#!/bin/sh' tests/*/* 2>/dev/null)

lint:
	scripts/deps lint
	@echo clang-format, shellcheck
	@clang-format --dry-run -Werror $(LINT_C)
	@shellcheck -S warning $(sort $(LINT_SH))
	mandoc -Tlint -Wwarning man/*
	@echo 'each header alone'
	@for h in $(wildcard lib/*/*.h); do \
		$(CC) $(P_CPPFLAGS) -std=c11 $(WARN) -Werror -fsyntax-only -x c $$h || exit 1; \
	done
	$(MAKE) -j$(JOBS) BUILD=$(BUILD)/lint-clang CC=clang WERROR=-Werror SAN= NO_CAGE= objects
	$(MAKE) -j$(JOBS) $(if $(filter cc gcc,$(CC)),,BUILD=$(BUILD)/lint-gcc CC=gcc) WERROR=-Werror SAN= NO_CAGE= objects

format:
	clang-format -i $(LINT_C)

valgrind:
	scripts/deps test
	$(MAKE) -j$(JOBS) SAN= NO_CAGE=1 tests
	BUILD=$(BUILD)-nocage tests/valgrind/run

# What a program that uses all of ours is linked with.
libs:
	@echo '$(LIBS)'

fuzz fault interop coverage bench:
	scripts/deps $@
	$(MAKE) -j$(JOBS) all
	BUILD=$(B) tests/$@/run $(if $(filter bench,$@),full)

bench-quick:
	scripts/deps bench
	$(MAKE) -j$(JOBS) all
	BUILD=$(B) tests/bench/run quick

clean:
	rm -rf $(BUILD) $(BUILD)-san $(BUILD)-nocage $(BUILD)-coverage*

.PHONY: all tests libs objects install check demo lint format valgrind fuzz fault interop coverage bench bench-quick clean
.SECONDARY:
.DELETE_ON_ERROR:

-include $(patsubst %.c,$(B)/obj/%.d,$(wildcard lib/*/*.c cmd/*.c tests/unit/*.c))
