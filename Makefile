# mstools: mail out of Microsoft 365 by IMAP.
#
#	make			build/bin/*, build/libexec/msworker
#	make install		PREFIX=/usr/local, DESTDIR=
#	make check		everything the tests say, here and under sanitizers
#	make lint		formatting, headers, shell, manual pages, both compilers
#	make demo		a mailbox, an issuer and the programs, on this machine alone
#	make bench bench-quick fault fuzz interop coverage
#
# BUILD=dir builds elsewhere, SAN=1 with the sanitizers (in dir-san), NO_CAGE=1
# without the worker's system call filter, for valgrind (in dir-nocage).
# LOOSE=1 goes on without the objects that do not compile.

VERSION	= 1.0
PREFIX	?= /usr/local
CFLAGS	?= -O2 -g
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
# libcurl by its OpenSSL flavour's file name: -lcurl is the GnuTLS one wherever libetpan-dev is installed.
LIBS	= -letpan -l:libcurl.so.4 -lssl -lcrypto -lsqlite3 -ljansson -lseccomp -lpthread
COMPILE	= $(CC) $(P_CPPFLAGS) $(CPPFLAGS) $(P_CFLAGS) $(CFLAGS) -MMD -MP
LINK	= $(CC) $(P_LDFLAGS) $(CFLAGS) $(LDFLAGS)

LIB	= $(B)/lib/libmstools.a
LIBOBJ	= $(patsubst %.c,$(B)/obj/%.o,$(wildcard lib/*/*.c))
WORKER	= $(patsubst cmd/%.c,$(B)/libexec/%,$(wildcard cmd/msworker.c))
BINS	= $(patsubst cmd/%.c,$(B)/bin/%,$(filter-out cmd/msworker.c,$(wildcard cmd/*.c)))
UNIT	= $(patsubst %.c,$(B)/%.t,$(wildcard tests/unit/*.c))

all: $(LIB) $(BINS) $(WORKER)

tests: all $(UNIT)

$(LIB): $(LIBOBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $(if $(LOOSE),$$(ls $(LIBOBJ) 2>/dev/null),$(LIBOBJ))

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(LOOSE),-)$(COMPILE) -c -o $@ $<

$(B)/bin/%: $(B)/obj/cmd/%.o $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $< $(LIB) $(LIBS)

$(B)/libexec/%: $(B)/obj/cmd/%.o $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $< $(LIB) $(LIBS)

$(B)/tests/unit/%.t: $(B)/obj/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(LINK) -o $@ $< $(LIB) $(LIBS)

clean:
	rm -rf $(BUILD) $(BUILD)-san $(BUILD)-nocage

.PHONY: all tests clean
.SECONDARY:
.DELETE_ON_ERROR:

-include $(patsubst %.c,$(B)/obj/%.d,$(wildcard lib/*/*.c cmd/*.c tests/unit/*.c))
