# make                 build/ARCH/{init,supervisor,supctl}, and stripped copies beside them
# make test            every ring; make test-unit, test-sim, test-mutants, test-fuzz, test-ns, test-vm, lint: one of them
# make run             the sample appliance in QEMU; make demo: the same without a person
# make inject          each system call of init and the supervisor fails once: all of them (an hour), NAME=init: some
# make crash KILLS=n   the supervisor killed n times, and at each step: what do services notice?
# make soak HOURS=n    init and the supervisor under all that happens, at random: do they keep their memory and descriptors?
# make coverage        branch coverage of the pure core
# make mutants         does a test notice when the engine is broken? SAMPLE=N, NAME=engine_stop.c: some of them
# make bench           container start and restart against the peers; the engine with 10,000 units
# make bench-memory    private memory with 1, 10 and 100 containers, in QEMU
# make bench-crash     from a crash of the supervisor to the next answer; the gaps that containers see, in QEMU
# make bench-reap      20,000 zombies at once: init beside tini, dumb-init and catatonit, where they are at hand
# make docs            the manual pages, in build/ARCH/docs; make units-table, make engine-table:
#                      docs/units.md, docs/engine.md again
#
# Settings: ARCH=aarch64 (with that musl tool chain), BUILD=DIR (a build folder of one's own),
# V=1 (show the commands), KILL_POINTS=1 (with a BUILD of its own: see common/killpoint.h),
# KERNEL_SUITE=trixie (whose kernel of Debian is booted).

ARCH	?= $(shell uname -m)
BUILD	?= build
DEPS	?= build/deps

OUT	:= $(BUILD)/$(ARCH)
OBJ	:= $(OUT)/obj
UNIT	:= $(BUILD)/unit
LIBS	:= $(DEPS)/$(ARCH)
NATIVE	:= $(shell uname -m)
PREFIX	:= $(if $(filter $(NATIVE),$(ARCH)),,$(ARCH)-linux-gnu-)

CC	:= $(if $(PREFIX),$(ARCH)-linux-musl-gcc,musl-gcc)
AR	:= $(PREFIX)ar
STRIP	:= $(PREFIX)strip
HOSTCC	:= gcc
Q	:= $(if $(V),,@)

# ---- sources, by folder ------------------------------------------------------------------

find-c	= $(sort $(shell find $(1) -name '*.c' 2>/dev/null))

COMMON_SRC	:= $(call find-c,common)
INIT_SRC	:= $(call find-c,init)
SUP_SRC		:= $(call find-c,supervisor)
CTL_SRC		:= $(call find-c,supctl)
UNIT_TEST_SRC	:= $(sort $(wildcard tests/unit/test_*.c))
# What a unit test can call: all but the mains, the child's steps and the effects.
UNIT_LIB_SRC	:= $(filter-out %/main.c supervisor/child/% supervisor/sys/%,$(COMMON_SRC) \
		   $(INIT_SRC) $(SUP_SRC) $(CTL_SRC) \
		   $(filter-out $(UNIT_TEST_SRC),$(call find-c,tests/unit))) supervisor/sys/unit/profile.c
# Each file here is one static program: what the tests and the bench run, in containers or not.
HELPER_SRC	:= $(sort $(wildcard tests/helpers/*.c tests/*/helpers/*.c bench/*.c))

objects	= $(patsubst %.c,$(OBJ)/%.o,$(1))

# ---- tables made of the kernel's headers: for the machine built for, and for this one -------

GEN	   := $(OUT)/gen
NATIVE_GEN := $(BUILD)/native/gen

# ---- flags -------------------------------------------------------------------------------

WARN	:= -Wall -Wextra -Werror -Wshadow -Wswitch-enum -Wstrict-prototypes \
	   -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wpointer-arith
# Seen by the library's own build and by everyone who includes ini.h.
INIH_FLAGS := -DINI_ALLOW_INLINE_COMMENTS=0 -DINI_HANDLER_LINENO=1 \
	   -DINI_CALL_HANDLER_ON_NEW_SECTION=1 -DINI_ALLOW_MULTILINE=0 \
	   -DINI_USE_STACK=0 -DINI_ALLOW_REALLOC=1 -DINI_MAX_LINE=8192
LANG_FLAGS := -std=c11 -D_GNU_SOURCE -I. -isystem $(LIBS)/include $(INIH_FLAGS) \
	   $(if $(KILL_POINTS),-DKILL_POINTS)
CODE	:= -Oz -g -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong \
	   -fno-asynchronous-unwind-tables -fno-unwind-tables -mgeneral-regs-only \
	   -fno-thread-jumps -fno-caller-saves -fno-tree-loop-im -fno-tree-dominator-opts \
	   $(if $(filter x86_64,$(ARCH)),-malign-data=abi)
# init and the supervisor are optimised once more as a whole with their libraries, when they are linked (a thirtieth less), in
# one piece: the same bytes on each machine. The helpers of the tests take the same objects as they are.
WHOLE	:= -flto -ffat-lto-objects
LINK_WHOLE := $(CODE) -flto -flto-partition=one
CFLAGS	= $(LANG_FLAGS) -I$(GEN) $(WARN) $(CODE) -idirafter $(LIBS)/uapi -ffile-prefix-map=$(CURDIR)=.

# musl-gcc's specs know no static PIE, so the libc's start files are named here: rcrt1.o moves the program's own pointers,
# whose places the linker packs into DT_RELR, a tenth of the older form. No relro of the linker's: in a static program nobody
# would act on it (rest_seal() does), and it would fill up a page of the file; so would a segment that begins with a page.
LDFLAGS	:= -nostartfiles -static -Wl,-pie,--no-dynamic-linker,-z,text,-z,pack-relative-relocs \
	   -Wl,-z,norelro,-z,common-page-size=64,-z,now,-z,noexecstack,-z,noseparate-code,--gc-sections \
	   -L$(LIBS)/lib $(LIBS)/lib/rcrt1.o $(LIBS)/lib/crti.o
LDEND	:= $(LIBS)/lib/crtn.o

UNIT_CFLAGS = $(LANG_FLAGS) -I$(NATIVE_GEN) -DKEY_DOCS $(WARN) -O1 -g -fno-omit-frame-pointer \
	   -fsanitize=address,undefined -fno-sanitize-recover=all

# ---- the programs ------------------------------------------------------------------------

NAMES	 := init supervisor supctl
PROGRAMS := $(NAMES:%=$(OUT)/%)
STRIPPED := $(NAMES:%=$(OUT)/stripped/%)
FILES	 := $(OUT)/init $(OUT)/supervisor
LIBCOMMON := $(OBJ)/libcommon.a
LIBSUP	 := $(OBJ)/libsupervisor.a
DEPS_DONE := $(LIBS)/done

.PHONY: all
all: $(PROGRAMS) $(STRIPPED)

SUP_LIBS := $(LIBS)/lib/libinih.a $(LIBS)/lib/libjansson.a $(LIBS)/lib/libuv.a

$(OUT)/init: $(call objects,$(INIT_SRC)) $(LIBCOMMON)
# What runs while nothing happens stands together, with the loop, the libc and their constants, at the begin of the text: the
# rest is then not in memory (sys/rest.h). The kernel maps sixteen pages at a time.
RESTING	 := supervisor/sys/link.c supervisor/sys/log/logs.c supervisor/core/logline.c supervisor/sys/rest.c
TOGETHER := $(RESTING:%.c=*/%.o) *libcommon.a:rest.o *libuv.a: *libc.a:
$(GEN)/resting.ld: Makefile
	@mkdir -p $(@D)
	$(Q)printf '%s\n' 'SECTIONS { .text.resting : {' \
		$(patsubst %,'%(.text .text.* .rodata .rodata.*)',$(TOGETHER)) '} } INSERT BEFORE .init;' >$@
$(OUT)/supervisor: $(call objects,$(SUP_SRC) $(CTL_SRC)) $(LIBCOMMON) $(GEN)/resting.ld
$(OUT)/supervisor: LDFLAGS += -Wl,-T,$(GEN)/resting.ld
$(OUT)/supervisor: LDLIBS := $(SUP_LIBS)
# supervisor/sys/uvunused.c and control/jsonreal.c say why.
UV_UNUSED := _async_close _fs_event_close _fs_poll_close _fs_post _pipe_close _process_close _process_init \
	   _signal_cleanup _signal_close _signal_global_once_init _signal_loop_cleanup _stream_close _stream_destroy _tcp_close \
	   _threadpool_cleanup _tty_close _udp_close _udp_finish_close async_init \
	   mutex_destroy mutex_init mutex_lock mutex_unlock rwlock_destroy rwlock_init
$(OUT)/supervisor: LDFLAGS += $(UV_UNUSED:%=-Wl,--wrap=uv_%) -Wl,--wrap=jsonp_strtod,--wrap=jsonp_dtostr

# One file of two names: see main() of the supervisor.
$(OUT)/supctl $(OUT)/stripped/supctl: %/supctl: %/supervisor
	$(Q)ln -sf supervisor $@

$(FILES): Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	@echo '  LINK    $@'
	$(Q)$(CC) $(LINK_WHOLE) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS) $(LDEND)

$(FILES:$(OUT)/%=$(OUT)/stripped/%): $(OUT)/stripped/%: $(OUT)/% tools/strip
	@mkdir -p $(@D)
	$(Q)tools/strip $(STRIP) $< $@

# Archives: the linker takes from them only the objects that a program calls.
$(LIBCOMMON): $(call objects,$(COMMON_SRC))
$(LIBSUP): $(call objects,$(filter-out supervisor/main.c,$(SUP_SRC)))
$(LIBCOMMON) $(LIBSUP):
	@rm -f $@
	$(Q)$(AR) qcs $@ $^

$(OBJ)/%.o: %.c Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	@echo '  CC      $<'
	$(Q)$(CC) $(CFLAGS) $(WHOLE) -MMD -MP -c -o $@ $<

# Those that have their place, and those that the linker puts in the place of others.
$(call objects,common/rest.c supervisor/sys/printf.c supervisor/sys/uvunused.c supervisor/sys/control/jsonreal.c $(RESTING)): WHOLE :=

CALLS_LIST := supervisor/core/seccomp/calls.list
$(GEN)/syscalls.inc: SYSCALL_CC = $(CC) -idirafter $(LIBS)/uapi
$(GEN)/syscalls.inc: | $(DEPS_DONE)
$(NATIVE_GEN)/syscalls.inc: SYSCALL_CC = $(HOSTCC)
$(GEN)/syscalls.inc $(NATIVE_GEN)/syscalls.inc: tools/syscalls $(CALLS_LIST)
	@mkdir -p $(@D)
	$(Q)printf '#include <%s>\n' asm/unistd.h linux/errno.h | $(SYSCALL_CC) -E -dM - | \
		tools/syscalls $(CALLS_LIST) >$@.new && mv $@.new $@

CALLS_OBJ := obj/supervisor/core/seccomp/calls.o
$(OUT)/$(CALLS_OBJ): $(GEN)/syscalls.inc
$(patsubst %,$(BUILD)/%/$(CALLS_OBJ),unit fuzz coverage sim mutants): $(NATIVE_GEN)/syscalls.inc

INTERFACE := supervisor/sys/control/io.sup.Control.varlink
$(GEN)/io.sup.Control.inc: $(INTERFACE) Makefile
	@mkdir -p $(@D)
	$(Q)sed -e '/^\(#.*\)*$$/d' -e 's/^\t*//' -e 's/.*/"&\\n"/' $< >$@.new && mv $@.new $@
$(OUT)/obj/supervisor/sys/control/control_interface.o: $(GEN)/io.sup.Control.inc

# ---- lists made of the key table ----------------------------------------------------------

# The list of keys in sup.unit(5) comes from the supervisor's own table, by a program of this machine.
KEYS_MAN := $(BUILD)/native/keys-man
KEYS_MAN_SRC := tools/keys-man.c $(wildcard supervisor/core/keys/keytype_*.c) \
	   $(patsubst %,supervisor/core/%.c,arena calendar calendar_text net/ifname net/ip net/ports \
	   number text unit/condition keys/keys unit/names unit/unit unit/words seccomp/calls)
KEYS_TABLE := $(BUILD)/native/keys-table
ENGINE_TABLE := $(BUILD)/native/engine-table
ENGINE_TABLE_SRC := tools/engine-table.c supervisor/core/engine/rules.c
KEYS_TABLE_SRC := tools/keys-table.c supervisor/core/keys/known.c $(filter-out tools/%,$(KEYS_MAN_SRC))


# ---- tests -------------------------------------------------------------------------------

UNIT_LIB   := $(UNIT)/obj/lib.a
UNIT_TESTS := $(UNIT_TEST_SRC:tests/unit/%.c=$(UNIT)/%)
HELPERS	   := $(HELPER_SRC:%.c=$(OUT)/%)

.PHONY: unit-tests helpers
unit-tests: $(UNIT_TESTS)
helpers: $(HELPERS) $(OUT)/tests/faulty/supervisor

# The programs once more, in a folder of their own, as those that can be told where to die. The libraries come first, since
# two makes would build them at once.
.PHONY: kill-programs
kill-programs: $(DEPS_DONE)
	@+$(MAKE) --no-print-directory BUILD='$(BUILD)/kill' DEPS='$(DEPS)' KILL_POINTS=1 all

$(UNIT_TESTS): $(UNIT)/%: $(UNIT)/obj/tests/unit/%.o $(UNIT_LIB)
	@echo '  LINK    $@'
	$(Q)$(HOSTCC) -fsanitize=address,undefined $(WRAP) -o $@ $^ -lcmocka -ljansson

# It looks at each start at the very moment at which the order allows it.
$(UNIT)/test_engine_walk: WRAP := -Wl,--wrap=engine_dispatch

$(UNIT_LIB): $(UNIT_LIB_SRC:%.c=$(UNIT)/obj/%.o) $(UNIT)/obj/ini.o
	@rm -f $@
	$(Q)ar qcs $@ $^

$(UNIT)/obj/%.o: %.c Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	@echo '  CC      $< (unit)'
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT)/obj/ini.o: $(DEPS_DONE)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(INIH_FLAGS) -O1 -g -fsanitize=address,undefined -c -o $@ \
		$(LIBS)/src/inih/ini.c

# A supervisor for which memory cannot be had at a moment that the test chooses.
$(OUT)/tests/faulty/supervisor: $(call objects,$(SUP_SRC) $(CTL_SRC) tests/faulty/malloc.c) $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo '  LINK    $@'
	$(Q)$(CC) -fno-lto $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc -o $@ $^ $(SUP_LIBS) $(LDEND)

$(OUT)/tests/helpers/probe: $(call objects,$(sort $(wildcard tests/helpers/probe/*.c)))
$(HELPERS): $(OUT)/%: $(OBJ)/%.o $(LIBSUP) $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo '  LINK    $@'
	$(Q)$(CC) -fno-lto $(LDFLAGS) -o $@ $^ $(SUP_LIBS) $(LDEND)

# Fuzz targets: clang's libFuzzer with the sanitizers, on the machine's own libc.
FUZZ	   := $(BUILD)/fuzz
FUZZ_SRC   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS	   := $(FUZZ_SRC:tests/fuzz/%.c=$(FUZZ)/%)
FUZZ_LIB   := $(FUZZ)/obj/lib.a
FUZZ_WORDS := $(FUZZ)/words.dict
FUZZ_SAN   := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CFLAGS = $(LANG_FLAGS) -I$(NATIVE_GEN) $(WARN) -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link $(FUZZ_SAN)

.PHONY: fuzzers fuzz
fuzzers: $(FUZZERS) $(FUZZ_WORDS) $(FUZZ)/sidecar

# What tests/fuzz/oci_config asks.
$(FUZZ)/sidecar: $(FUZZ)/obj/tests/fuzz/sidecar.o $(FUZZ_LIB)
	@echo '  LINK    $@'
	$(Q)clang $(FUZZ_SAN) -o $@ $^

$(FUZZ)/fuzz_kept: $(FUZZ)/obj/tests/unit/engine_keeper.o
$(FUZZ)/fuzz_profile: $(FUZZ)/obj/tests/unit/seccomp_machine.o
$(FUZZERS): $(FUZZ)/%: $(FUZZ)/obj/tests/fuzz/%.o $(FUZZ_LIB)
	@echo '  LINK    $@'
	$(Q)clang -fsanitize=fuzzer $(FUZZ_SAN) -o $@ $^ -luv -ljansson

FUZZ_UV_SRC := supervisor/sys/control/varlink.c supervisor/sys/control/varlink_door.c supervisor/sys/listen.c

$(FUZZ_LIB): $(patsubst %.c,$(FUZZ)/obj/%.o,$(filter-out tests/%,$(UNIT_LIB_SRC)) $(FUZZ_UV_SRC)) $(FUZZ)/obj/ini.o
	@rm -f $@
	$(Q)ar qcs $@ $^

# The libuv of this machine is another one than the programs': its own header goes with it.
$(patsubst %.c,$(FUZZ)/obj/%.o,$(FUZZ_UV_SRC) tests/fuzz/fuzz_varlink.c): \
	LANG_FLAGS := -std=c11 -D_GNU_SOURCE -I.

$(FUZZ)/obj/%.o: %.c Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	@echo '  CC      $< (fuzz)'
	$(Q)clang $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ)/obj/ini.o: $(DEPS_DONE)
	@mkdir -p $(@D)
	$(Q)clang $(INIH_FLAGS) -O1 -g -fsanitize=fuzzer-no-link $(FUZZ_SAN) -c -o $@ \
		$(LIBS)/src/inih/ini.c

$(FUZZ_WORDS): $(KEYS_TABLE)
	@mkdir -p $(@D)
	$(Q)$(KEYS_TABLE) --dictionary >$@.new && mv $@.new $@

fuzz: fuzzers
	tools/fuzz $(BUILD) $(or $(SECONDS),60) $(NAME)

# Coverage of the pure core by the unit tests and the simulation.
COV	   := $(BUILD)/coverage
COV_TESTS  := $(UNIT_TEST_SRC:tests/unit/%.c=$(COV)/%)
COV_LIB	   := $(COV)/obj/lib.a
COV_CFLAGS  = $(LANG_FLAGS) -I$(NATIVE_GEN) -DKEY_DOCS -O1 -g -fprofile-instr-generate -fcoverage-mapping

.PHONY: coverage
coverage: $(COV_TESTS) $(COV)/sim
	@tools/coverage $(COV) supervisor/core

$(COV)/test_engine_walk: WRAP := -Wl,--wrap=engine_dispatch
$(COV_TESTS): $(COV)/%: $(COV)/obj/tests/unit/%.o $(COV_LIB)
	@echo '  LINK    $@'
	$(Q)clang -fprofile-instr-generate $(WRAP) -o $@ $^ -lcmocka -ljansson

# The simulation has a table of rules of its own before that of the core.
COV_SIM := tests/sim/main.c $(filter-out $(patsubst %,tests/sim/%.c,main cells_main explore shapes \
	   world space endings),$(call find-c,tests/sim))
$(COV)/sim: $(COV_SIM:%.c=$(COV)/obj/%.o) $(COV)/obj/sim_rules.o $(COV_LIB)
	@echo '  LINK    $@'
	$(Q)clang -fprofile-instr-generate -o $@ $^

$(COV)/obj/sim_rules.o: supervisor/core/engine/rules.c Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	$(Q)clang $(COV_CFLAGS) -Drules=engine_rules -MMD -MP -c -o $@ $<

$(COV_LIB): $(UNIT_LIB_SRC:%.c=$(COV)/obj/%.o) $(COV)/obj/ini.o
	@rm -f $@
	$(Q)ar qcs $@ $^

$(COV)/obj/%.o: %.c Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	@echo '  CC      $< (coverage)'
	$(Q)clang $(COV_CFLAGS) -MMD -MP -c -o $@ $<

$(COV)/obj/ini.o: $(DEPS_DONE)
	@mkdir -p $(@D)
	$(Q)clang $(INIH_FLAGS) -O1 -c -o $@ $(LIBS)/src/inih/ini.c

# ---- simulation and exhaustion: the core, optimised, with a table of rules that is looked at -----

SIM	    := $(BUILD)/sim
SIM_CFLAGS   = $(LANG_FLAGS) -I$(NATIVE_GEN) $(WARN) -O2 -g
SIM_LIB_SRC := $(COMMON_SRC) $(filter supervisor/core/%,$(SUP_SRC))
EXPLORE_SRC := $(patsubst %,tests/sim/%.c,explore shapes world space endings)
SIM_SRC	    := $(filter-out tests/sim/main.c tests/sim/cells_main.c $(EXPLORE_SRC),$(call find-c,tests/sim)) \
	       tests/unit/engine_keeper.c
SIM_LIB	    := $(SIM)/obj/lib.a
SIM_PROGRAMS := $(SIM)/sim $(SIM)/sim-asan $(SIM)/explore $(SIM)/cells

.PHONY: sim-programs sim explore
sim-programs: $(SIM_PROGRAMS)

# make sim SEEDS=1000 [FIRST=s] [LARGE=1] [SIM_FLAGS=--trace]
sim: $(SIM)/sim
	@$(SIM)/sim --seeds $(or $(SEEDS),100) --first $(or $(FIRST),1) $(if $(LARGE),--large) \
		$(SIM_FLAGS)

# make explore [DEPTH=n] [STATES=n]: all orders of events, so many in a row, so many states in each set
explore: $(SIM)/explore
	@$(SIM)/explore $(if $(DEPTH),--depth $(DEPTH)) $(if $(STATES),--states $(STATES))

$(SIM)/explore: $(EXPLORE_SRC:%.c=$(SIM)/obj/%.o) $(SIM_LIB)
$(SIM)/cells: $(SIM)/obj/tests/sim/cells_main.o $(SIM_LIB)
$(SIM)/sim: $(SIM)/obj/tests/sim/main.o $(SIM_LIB)
$(SIM)/sim $(SIM)/explore $(SIM)/cells:
	@echo '  LINK    $@'
	$(Q)$(HOSTCC) -o $@ $^

$(SIM)/sim-asan: $(patsubst %.c,$(SIM)/asan/%.o,tests/sim/main.c $(SIM_SRC) \
		supervisor/core/engine/rules.c) $(UNIT_LIB)
	@echo '  LINK    $@'
	$(Q)$(HOSTCC) -fsanitize=address,undefined -o $@ $^

$(SIM_LIB): $(SIM_LIB_SRC:%.c=$(SIM)/obj/%.o) $(SIM_SRC:%.c=$(SIM)/obj/%.o) $(SIM)/obj/ini.o
	@rm -f $@
	$(Q)ar qcs $@ $^

# checker.c puts a table of its own in the place of that of rules.c.
$(SIM)/%/supervisor/core/engine/rules.o: SIM_RENAME := -Drules=engine_rules

$(SIM)/obj/%.o: %.c Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	@echo '  CC      $< (sim)'
	$(Q)$(HOSTCC) $(SIM_CFLAGS) $(SIM_RENAME) -MMD -MP -c -o $@ $<

$(SIM)/asan/%.o: %.c Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	@echo '  CC      $< (sim, sanitized)'
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) $(SIM_RENAME) -MMD -MP -c -o $@ $<

$(SIM)/obj/ini.o: $(DEPS_DONE)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(INIH_FLAGS) -O2 -g -c -o $@ $(LIBS)/src/inih/ini.c

# Mutants: the engine broken in small ways, one at a time; the tests load the core as a shared library (all
# but the walk, which wraps a function within it).
MUT	   := $(BUILD)/mutants
MUT_CC	    = $(HOSTCC) $(LANG_FLAGS) -I$(NATIVE_GEN) -DKEY_DOCS -O1 -fPIC -w
MUT_SHARED := -shared -Wl,-soname,libcore.so -Wl,--defsym=engine_rules=rules
MUT_TESTS  := $(patsubst tests/unit/%.c,$(MUT)/%,$(filter-out %_walk.c,$(wildcard tests/unit/test_engine*.c)) \
	   $(addprefix tests/unit/test_,bootwatch.c kept.c restart.c ties.c))
MUT_LIB	   := $(MUT)/libcore.so
MUT_WORLD  := $(patsubst %.c,$(MUT)/obj/%.o,$(filter tests/%,$(UNIT_LIB_SRC)))

test test-mutants mutants: export MUTANT_CC = $(MUT_CC)
test test-mutants mutants: export MUTANT_LD = $(HOSTCC) $(MUT_SHARED)

.PHONY: mutants mutant-programs
mutant-programs: $(MUT_TESTS) $(MUT)/sim
mutants: mutant-programs
	@tests/mutants/run $(MUT) $(if $(SAMPLE),--sample=$(SAMPLE)) $(NAME)

$(MUT_TESTS): $(MUT)/%: $(MUT)/obj/tests/unit/%.o $(MUT_WORLD) $(MUT_LIB)
	@echo '  LINK    $@'
	$(Q)$(HOSTCC) -o $@ $^ -lcmocka -ljansson

$(MUT)/sim: $(patsubst %.c,$(MUT)/obj/%.o,tests/sim/main.c $(SIM_SRC)) $(MUT_LIB)
	@echo '  LINK    $@'
	$(Q)$(HOSTCC) -o $@ $^ -ljansson

# The simulation has a table of rules of its own before this one.
$(MUT_LIB): $(patsubst %.c,$(MUT)/obj/%.o,$(COMMON_SRC) $(filter supervisor/core/%,$(SUP_SRC))) $(MUT)/obj/ini.o
	$(Q)$(HOSTCC) $(MUT_SHARED) -o $@ $^ -ljansson

$(MUT)/obj/%.o: %.c Makefile | $(DEPS_DONE)
	@mkdir -p $(@D)
	@echo '  CC      $< (mutants)'
	$(Q)$(MUT_CC) -MMD -MP -c -o $@ $<

$(MUT)/obj/ini.o: $(DEPS_DONE)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(INIH_FLAGS) -O1 -fPIC -c -o $@ $(LIBS)/src/inih/ini.c

TOOLS := tools/test $(BUILD) $(ARCH)
test test-ns test-vm test-unit lint: export CC := $(CC)
test lint: export LINT_CFLAGS = $(LANG_FLAGS) -I$(GEN) $(WARN) -idirafter $(LIBS)/uapi

.PHONY: test test-unit test-sim test-mutants test-fuzz test-ns test-vm inject lint format
test: needs-test
	@+$(MAKE) --no-print-directory all docs helpers kill-programs
	@$(TOOLS) vm ns unit sim mutants fuzz lint

test-unit:
	@$(TOOLS) unit

test-sim:
	@$(TOOLS) sim

test-mutants:
	@$(TOOLS) mutants

test-fuzz:
	@$(TOOLS) fuzz

test-ns: all docs helpers kill-programs
	@$(TOOLS) ns

# On demand: every call, not some of each kind; NAME=init, NAME=supervisor: of one of them; CALL=waitid: only those.
inject: all helpers
	@INJECT_ALL=1 INJECT_CALL=$(CALL) SUP_BUILD='$(abspath $(OUT))' /usr/bin/python3 -m pytest -p no:cacheprovider -q -s \
		tests/ns/test_inject.py $(if $(NAME),-k '$(NAME)')

test-vm: all helpers kill-programs
	@$(TOOLS) vm

# make crash [KILLS=n] [SEED=s] [RING=vm]: the long forms: so many kills at random moments, and at all steps of all
# scenarios; the figures are printed. RING=vm: with containers, in QEMU, which takes hours.
CRASH_RING = $(or $(RING),ns)
.PHONY: crash
crash: all helpers kill-programs
	@SUP_CRASH_KILLS=$(or $(KILLS),1000) SUP_CRASH_SEED=$(or $(SEED),1) SUP_KILL_POINTS=all \
		SUP_BUILD='$(abspath $(OUT))' BUILD='$(abspath $(BUILD))' \
		/usr/bin/python3 -m pytest -p no:cacheprovider -q -s \
		tests/$(CRASH_RING)/test_crash.py tests/$(CRASH_RING)/test_kill_points.py

.PHONY: soak
soak: all helpers
	@SUP_SOAK_SECONDS=$$(awk 'BEGIN { print int($(or $(HOURS),1) * 3600) }') SUP_SOAK_SEED=$(or $(SEED),1) \
		SUP_BUILD='$(abspath $(OUT))' BUILD='$(abspath $(BUILD))' \
		/usr/bin/python3 -m pytest -p no:cacheprovider -q -s tests/ns/test_soak.py

lint: all docs
	@tools/lint $(BUILD) $(ARCH)

format:
	tools/files '*.c' '*.h' | xargs clang-format -i

# ---- manual pages ------------------------------------------------------------------------

MANUALS	:= $(patsubst docs/%,$(OUT)/docs/%,$(wildcard docs/*.[158])) \
	   $(OUT)/docs/sup.conf.5 $(OUT)/docs/sup.unit.5

.PHONY: docs
docs: $(MANUALS) $(OUT)/docs/units.md $(OUT)/docs/engine.md

$(KEYS_MAN) $(KEYS_TABLE): $(NATIVE_GEN)/syscalls.inc
$(KEYS_MAN): $(KEYS_MAN_SRC) $(wildcard supervisor/core/*.h supervisor/core/unit/*.h supervisor/core/keys/*.h supervisor/core/keys/*.inc) Makefile
	@mkdir -p $(@D)
	@echo '  HOSTCC  $@'
	$(Q)$(HOSTCC) -std=c11 -D_GNU_SOURCE -DKEY_DOCS -I. -I$(NATIVE_GEN) $(WARN) -O1 -o $@ $(filter %.c,$^)

$(OUT)/docs/sup.conf.5 $(OUT)/docs/sup.unit.5: $(OUT)/docs/%: docs/%.in $(KEYS_MAN)
	@mkdir -p $(@D)
	$(Q)$(KEYS_MAN) <$< >$@.new && mv $@.new $@

# docs/units.md is kept in the tree for its readers; lint says when it is not what the tables say.
$(KEYS_TABLE): $(KEYS_TABLE_SRC) $(wildcard supervisor/core/*.h supervisor/core/unit/*.h supervisor/core/keys/*.h supervisor/core/keys/*.inc) Makefile
	@mkdir -p $(@D)
	@echo '  HOSTCC  $@'
	$(Q)$(HOSTCC) -std=c11 -D_GNU_SOURCE -DKEY_DOCS -I. -I$(NATIVE_GEN) $(WARN) -O1 -o $@ $(filter %.c,$^)

$(OUT)/docs/units.md: $(KEYS_TABLE)
	@mkdir -p $(@D)
	$(Q)$(KEYS_TABLE) >$@.new && mv $@.new $@

# docs/engine.md likewise, from the table of rules.
$(ENGINE_TABLE): $(ENGINE_TABLE_SRC) $(wildcard supervisor/core/engine/engine*.h) Makefile
	@mkdir -p $(@D)
	@echo '  HOSTCC  $@'
	$(Q)$(HOSTCC) -std=c11 -D_GNU_SOURCE -I. $(WARN) -O1 -o $@ $(filter %.c,$^)

$(OUT)/docs/engine.md: $(ENGINE_TABLE)
	@mkdir -p $(@D)
	$(Q)$(ENGINE_TABLE) >$@.new && mv $@.new $@

.PHONY: units-table engine-table
engine-table: $(OUT)/docs/engine.md
	cp $< docs/engine.md

units-table: $(OUT)/docs/units.md
	cp $< docs/units.md

$(OUT)/docs/%: docs/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

# ---- the sample appliance, the bench -----------------------------------------------------

APPLIANCE := $(OUT)/gateway

.PHONY: appliance run demo bench bench-engine bench-memory bench-crash bench-reap fresh
appliance: needs-run
	@+$(MAKE) --no-print-directory all
	BUILD='$(BUILD)' units/gateway/build $(APPLIANCE) $(ARCH)

run: appliance
	qemu/boot $(APPLIANCE) --publish 8080:8080

demo: appliance
	qemu/demo $(APPLIANCE)

bench-engine: $(OUT)/bench/engine
	@$(OUT)/bench/engine

bench-memory: needs-run
	@+$(MAKE) --no-print-directory all $(OUT)/bench/idle
	@SUP_BUILD='$(abspath $(OUT))' bench/memory

bench-crash: needs-run
	@+$(MAKE) --no-print-directory all $(patsubst %,$(OUT)/bench/%,idle ticks answered)
	@SUP_BUILD='$(abspath $(OUT))' bench/crash

bench-reap:
	@+$(MAKE) --no-print-directory all $(OUT)/bench/zombies
	@SUP_BUILD='$(abspath $(OUT))' bench/reap

bench: bench-engine needs-bench
	@+$(MAKE) --no-print-directory all helpers
	SUP_BUILD='$(abspath $(OUT))' bench/launch

# On demand: the README's commands on a bare Debian in a folder of its own.
fresh:
	tests/fresh

# What a target needs of the machine: on Debian it is installed, elsewhere named.
.PHONY: needs-test needs-run needs-bench
needs-test:
	@tools/needs build test run

needs-run:
	@tools/needs build run

needs-bench:
	@tools/needs build bench

# ---- dependencies ------------------------------------------------------------------------

LIBC_CFLAGS := -Oz -fPIE -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables
DEP_CFLAGS := $(LIBC_CFLAGS) -fstack-protector-strong $(WHOLE)

$(DEPS_DONE): tools/deps tools/deps.pins
	@tools/needs build
	@tools/deps fetch $(DEPS)/tarballs
	@echo '  DEPS    $(LIBS)'
	@CC='$(CC)' AR='$(AR)' DEP_CFLAGS='$(DEP_CFLAGS)' LIBC_CFLAGS='$(LIBC_CFLAGS)' INIH_FLAGS='$(INIH_FLAGS)' \
		tools/deps build $(DEPS)/tarballs $(LIBS) $(ARCH) >$(DEPS)/build.log 2>&1 || \
		{ tail -n 30 $(DEPS)/build.log >&2; exit 1; }
	@touch $@

.PHONY: clean distclean
clean:
	rm -rf $(OUT) $(UNIT) $(SIM) $(MUT)

distclean:
	rm -rf $(BUILD) $(DEPS)

ALL_OBJ	:= $(call objects,$(COMMON_SRC) $(INIT_SRC) $(SUP_SRC) $(CTL_SRC) $(HELPER_SRC) tests/faulty/malloc.c)
-include $(ALL_OBJ:.o=.d) $(FUZZERS:$(FUZZ)/%=$(FUZZ)/obj/tests/fuzz/%.d) \
	$(patsubst %.c,$(FUZZ)/obj/%.d,$(UNIT_LIB_SRC)) $(patsubst %.c,$(COV)/obj/%.d,$(UNIT_LIB_SRC)) $(patsubst %.c,$(UNIT)/obj/%.d,$(UNIT_LIB_SRC) $(UNIT_TEST_SRC))
-include $(shell find $(SIM) $(MUT) -name '*.d' 2>/dev/null)
