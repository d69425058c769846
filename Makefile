# Domestic Connect. The two commands: `make run` and `make test`. `make help` lists the rest.
#: make run        everything on this machine, in the foreground; Ctrl-C stops it
#: make start      the same in the background; make stop | status | logs | reset
#: make test       every test on a stack of its own (ONLY=unit/field runs what the word matches)
#: make test SANITIZE=thread   the same under ThreadSanitizer instead, which takes long
#: make fuzz       every fuzz target for a minute (ONLY=contact SECONDS=600; SANITIZE=coverage for long runs)
#: make chaos      everything is killed while families buy, then one reconciliation (PURCHASES=10000 KILLS=200 SEED=7)
#: make valgrind   two stories through services under valgrind
#: make bench      figures beside the limits of this machine (ONLY=reads one part)
#: make schemas    prints schemas/ from the code; refuses what would break consumers of released events
#: make schemas-release   releases new events and members (schemas/released/)
#: make faults     every call that can fail does so once, in every story, thread and start (ONLY=relay, threads, starts); a short form is in make test
#: make audit      what a reviewer of the running stack wants to see: hardening, licences (SPDX), ports, grants, headers
#: make lint       cppcheck and clang-tidy
#: make all        builds into build/bin (SANITIZE=address|thread|fuzzer|coverage BUILD=dir for other kinds)
SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

BUILD    ?= build
# one name for each file, however its folder was named: what must be made anew for a header is found by name
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
CC        = gcc
SERVICES := $(notdir $(patsubst %/main.c,%,$(wildcard services/*/main.c)))
BINARIES := $(patsubst %,$(BUILD)/bin/%,$(patsubst ctl,dcctl,$(SERVICES)) daraja-simulator)
EXAMPLES := $(patsubst docs/%.c,$(BUILD)/%,$(wildcard docs/examples/*.c))

# --- Flags ---------------------------------------------------------------------------------------
WARNINGS  := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
             -Wcast-qual -Wwrite-strings -Wvla -Wundef -Wpointer-arith -Wconversion -Wno-sign-conversion \
             -Wno-missing-field-initializers # a table row leaves out what is zero
HARDENING := -fstack-protector-strong -fPIE -fstack-clash-protection -fcf-protection
ifeq ($(SANITIZE),address)
  MODE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SANITIZE),thread)
  MODE := -O1 -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(SANITIZE),fuzzer)
  CC   := clang
  WARNINGS += -Wno-unused-variable # what only a CLEANUP uses; gcc knows
  MODE := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SANITIZE),coverage)
  CC   := clang
  WARNINGS += -Wno-unused-variable
  MODE := -O2 -fsanitize=fuzzer-no-link
else
  MODE := -O2 -D_FORTIFY_SOURCE=2
endif
CFLAGS   := -std=gnu17 -g $(MODE) $(WARNINGS) $(HARDENING) -D_GNU_SOURCE -pthread $(EXTRA_CFLAGS)
LDFLAGS  := -pie -Wl,-z,relro,-z,now -pthread $(filter -fsanitize=%,$(MODE))
LIBS     := -lcivetweb -lrdkafka -lpq -ljansson -lcurl -lcjose -lcrypto -lcrypt -lpcre2-8 -lz -lm
INCLUDES_base := -Ishared/base
INCLUDES_io   := $(INCLUDES_base) -Ishared/io -I/usr/include/postgresql
INCLUDES_kit  := $(INCLUDES_base) -Ishared/io -Ishared/kit -I$(BUILD)/gen/kit
INCLUDES_daraja := $(INCLUDES_base) -Ishared/io

# --- What is built -------------------------------------------------------------------------------
all: $(BINARIES) $(EXAMPLES)
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
BASE := $(call objects,$(wildcard shared/base/*.c))
IO   := $(call objects,$(wildcard shared/io/*.c))
KIT  := $(call objects,$(wildcard shared/kit/*.c)) $(BUILD)/obj/gen/kit_sql.o
SHARED := $(if $(filter thread,$(SANITIZE)),$(BUILD)/obj/tests/support/c11_threads.o) $(BUILD)/lib/libkit.a $(BUILD)/lib/libio.a $(BUILD)/lib/libbase.a
libs: $(SHARED)
$(BUILD)/lib/libbase.a: $(BASE)
$(BUILD)/lib/libio.a: $(IO)
$(BUILD)/lib/libkit.a: $(KIT)
$(BUILD)/lib/%.a:
	@mkdir -p $(@D) && rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/shared/base/%.o: INCLUDES = $(INCLUDES_base)
$(BUILD)/obj/shared/io/%.o:   INCLUDES = $(INCLUDES_io)
$(BUILD)/obj/shared/kit/%.o:  INCLUDES = $(INCLUDES_kit)
$(BUILD)/obj/gen/%.o:         INCLUDES = $(INCLUDES_kit)
$(BUILD)/obj/tests/%.o:       INCLUDES = $(INCLUDES_kit) -Itests/support -I/usr/include/postgresql $(TEST_INCLUDES)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D) && echo "  cc    $<" && $(CC) $(CFLAGS) $(INCLUDES) -MMD -MP -c $< -o $@
$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(INCLUDES) -MMD -MP -c $< -o $@

# SQL → C: services/<name>/sql/*.sql → $(BUILD)/gen/<name>/<name>_sql.{h,c}
embed = @mkdir -p $(@D) && awk -v service=$(1) -v header=$(@D)/$(1)_sql.h -v source=$(@D)/$(1)_sql.c \
        -v header_name=$(1)_sql.h -f shared/kit/sql_embed.awk $(filter %.sql,$^)
$(BUILD)/gen/kit/kit_sql.c: $(sort $(wildcard shared/kit/sql/*.sql)) shared/kit/sql_embed.awk
	$(call embed,kit)
$(BUILD)/obj/gen/kit_sql.o: $(BUILD)/gen/kit/kit_sql.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(INCLUDES) -c $< -o $@
$(filter-out %/kit_sql.o,$(KIT)): | $(BUILD)/gen/kit/kit_sql.c

# Each service: an archive of everything but main.c (for tests), and the binary.
define service_rules
$(BUILD)/obj/services/$(1)/%.o: INCLUDES = $$(INCLUDES_kit) -Iservices/$(1) -I$(BUILD)/gen/$(1)
ifneq ($(wildcard services/$(1)/sql/*.sql),)
$(BUILD)/gen/$(1)/$(1)_sql.c: $(sort $(wildcard services/$(1)/sql/*.sql)) shared/kit/sql_embed.awk
	$$(call embed,$(1))
$(BUILD)/obj/gen/$(1)_sql.o: INCLUDES = $$(INCLUDES_kit) -I$(BUILD)/gen/$(1)
$(BUILD)/obj/gen/$(1)_sql.o: $(BUILD)/gen/$(1)/$(1)_sql.c
	@mkdir -p $$(@D) && $$(CC) $$(CFLAGS) $$(INCLUDES) -c $$< -o $$@
$(call objects,$(wildcard services/$(1)/*.c)): | $(BUILD)/gen/$(1)/$(1)_sql.c $(BUILD)/gen/kit/kit_sql.c
$(BUILD)/lib/lib$(1).a: $(BUILD)/obj/gen/$(1)_sql.o
endif
$(BUILD)/lib/lib$(1).a: $(call objects,$(filter-out %/main.c,$(wildcard services/$(1)/*.c)))
$(BUILD)/bin/$(2): $(BUILD)/obj/services/$(1)/main.o $(BUILD)/lib/lib$(1).a $(SHARED)
	@mkdir -p $$(@D) && echo "  link  $$@" && $$(CC) $$(LDFLAGS) $$^ $$(LIBS) -o $$@
endef
$(foreach s,$(SERVICES),$(eval $(call service_rules,$(s),$(patsubst ctl,dcctl,$(s)))))

# The simulator of M-Pesa, in the same way, of base and io alone.
$(BUILD)/obj/docker/local/daraja/%.o: INCLUDES = $(INCLUDES_daraja)
$(BUILD)/lib/libdaraja.a: $(call objects,$(filter-out %/main.c,$(wildcard docker/local/daraja/*.c)))
$(BUILD)/bin/daraja-simulator: $(BUILD)/obj/docker/local/daraja/main.o $(BUILD)/lib/libdaraja.a $(BUILD)/lib/libio.a $(BUILD)/lib/libbase.a
	@mkdir -p $(@D) && echo "  link  $@" && $(CC) $(LDFLAGS) $^ $(LIBS) -o $@

# --- Examples of docs/: built with everything else, so that they stay true ------------------------------
$(BUILD)/gen/books/books_sql.c: $(sort $(wildcard docs/examples/sql/*.sql)) shared/kit/sql_embed.awk
	$(call embed,books)
$(call objects,$(wildcard docs/examples/*.c)) $(BUILD)/obj/gen/books_sql.o: INCLUDES = $(INCLUDES_kit) -I$(BUILD)/gen/books
$(call objects,$(wildcard docs/examples/*.c)): | $(BUILD)/gen/books/books_sql.c $(BUILD)/gen/kit/kit_sql.c
$(BUILD)/obj/gen/books_sql.o: $(BUILD)/gen/books/books_sql.c
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(INCLUDES) -c $< -o $@
$(BUILD)/examples/%: $(BUILD)/obj/docs/examples/%.o $(BUILD)/obj/gen/books_sql.o $(SHARED)
	@mkdir -p $(@D) && echo "  link  $@" && $(CC) $(LDFLAGS) $^ $(LIBS) -o $@

# --- Tests: tests/unit/<service>_*_test.c is linked with that service's archive, services_*_test.c with all of them -------------------
# Here a service is one object that shows its struct alone: all of them stand in one program, whatever each calls its nouns.
$(BUILD)/obj/sealed/%.o: $(BUILD)/obj/services/%/main.o $(BUILD)/lib/lib%.a
	@mkdir -p $(@D) && $(CC) -r -nostdlib $< -Wl,--whole-archive $(BUILD)/lib/lib$*.a -o $@ && objcopy --keep-global-symbol=$*_service $@
$(BUILD)/lib/libservices.a: $(patsubst %,$(BUILD)/obj/sealed/%.o,$(filter-out ctl,$(SERVICES)))
TESTED := $(SERVICES) daraja chaos services
folder_of = $(if $(filter daraja,$(1)),docker/local/daraja,$(if $(filter chaos,$(1)),tests/chaos/payments,services/$(1)))
SUPPORT := $(call objects,$(wildcard tests/support/*.c))
$(BUILD)/lib/libsupport.a: $(SUPPORT)
tested_service = $(firstword $(foreach s,$(TESTED),$(if $(filter $(s)_%,$(notdir $(1))),$(s))))
service_includes = $(if $(call tested_service,$(1)),-I$(call folder_of,$(call tested_service,$(1))) -I$(BUILD)/gen/$(call tested_service,$(1)))
$(foreach s,$(wildcard tests/support/*.c),$(eval $(call objects,$(s)): TEST_INCLUDES = $(call service_includes,$(s))))
PARTS_tests/fault/fault_test := $(call objects,tests/fault/stories.c tests/fault/background.c tests/fault/starts.c)
define test_rules
$(BUILD)/obj/$(1).o: TEST_INCLUDES = $(call service_includes,$(1))
$(BUILD)/$(1): $(BUILD)/obj/$(1).o $(PARTS_$(1)) $(BUILD)/lib/libsupport.a $(if $(call tested_service,$(1)),$(BUILD)/lib/lib$(call tested_service,$(1)).a) $(SHARED)
	@mkdir -p $$(@D) && echo "  link  $$@" && $$(CC) $$(LDFLAGS) $$^ -lcmocka $$(LIBS) -o $$@
endef
$(BUILD)/obj/tests/support/daraja.o: TEST_INCLUDES = -Idocker/local/daraja
TESTS := $(patsubst %.c,%,$(wildcard tests/*/*_test.c))
# generated headers first
$(SUPPORT) $(call objects,$(wildcard tests/fuzz/*.c)) $(patsubst %,$(BUILD)/obj/%.o,$(TESTS)): | $(BUILD)/gen/kit/kit_sql.c $(foreach s,$(SERVICES),$(if $(wildcard services/$(s)/sql/*.sql),$(BUILD)/gen/$(s)/$(s)_sql.c))
$(foreach t,$(TESTS),$(eval $(call test_rules,$(t))))
# Preloaded into a PostgreSQL server, which has no sanitizer.
FULL_DISK := $(BUILD)/tests/chaos/full_disk.so
$(FULL_DISK): tests/chaos/full_disk.c
	@mkdir -p $(@D) && echo "  link  $@" && $(CC) -std=gnu17 -O2 $(WARNINGS) -fPIC -shared $< -ldl -o $@
# What a service is started with to have its calls fail (tests/fault): without sanitizers and flags of ours, of any kind of build.
$(BUILD)/lib/libfaults.so: tests/fault/faults.c tests/fault/control.h
	@mkdir -p $(@D) && echo "  link  $@" && gcc -std=gnu17 -g -O2 -fno-builtin -fPIC -shared $(WARNINGS) -D_GNU_SOURCE $< -o $@
fault-program: $(BUILD)/tests/fault/fault_test $(BUILD)/lib/libfaults.so
tests-all: $(addprefix $(BUILD)/,$(TESTS)) $(FULL_DISK) fuzz-all
tests-races: $(patsubst %,$(BUILD)/tests/unit/%_test,$(shell sed 's/#.*//' tests/races)) $(BUILD)/bin/daraja-simulator

# --- Fuzz targets: tests/fuzz/*_fuzz.c, linked with services as the unit tests are, and with all of them. The kinds `fuzzer` and
# `coverage` (without sanitizers, for long runs) drive them by libFuzzer; in every other kind they replay the files they are given (make test feeds them the seeds).
FUZZ := $(patsubst %.c,%,$(wildcard tests/fuzz/*_fuzz.c))
$(BUILD)/lib/libfuzz.a: $(call objects,$(filter-out %_fuzz.c %/replay.c,$(wildcard tests/fuzz/*.c)))
FUZZ_MAIN := $(if $(filter fuzzer coverage,$(SANITIZE)),-fsanitize=fuzzer,$(BUILD)/obj/tests/fuzz/replay.o)
FUZZ_OF := $(filter %.o,$(FUZZ_MAIN)) $(BUILD)/lib/libfuzz.a $(BUILD)/lib/libservices.a
define fuzz_rules
$(BUILD)/obj/$(1).o: TEST_INCLUDES = $(call service_includes,$(1))
$(BUILD)/$(1): $(BUILD)/obj/$(1).o $(FUZZ_OF) $(if $(call tested_service,$(1)),$(BUILD)/lib/lib$(call tested_service,$(1)).a) $(SHARED)
	@mkdir -p $$(@D) && echo "  link  $$@" && $$(CC) $$(LDFLAGS) $(filter -%,$(FUZZ_MAIN)) $$^ $$(LIBS) -o $$@
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_rules,$(f))))
fuzz-all: $(addprefix $(BUILD)/,$(FUZZ))

# --- Chaos: one program, all but its main in an archive for its unit test ---------------------------
CHAOS := $(call objects,$(filter-out %/main.c,$(wildcard tests/chaos/payments/*.c)))
CHAOS_MAIN := $(BUILD)/obj/tests/chaos/payments/main.o
CHAOS_SQL := $(BUILD)/gen/chaos/chaos_sql
$(CHAOS_SQL).c: $(sort $(wildcard tests/chaos/payments/sql/*.sql)) shared/kit/sql_embed.awk
	$(call embed,chaos)
$(BUILD)/obj/gen/chaos/chaos_sql.o: INCLUDES = $(INCLUDES_kit) -I$(BUILD)/gen/chaos
$(CHAOS) $(CHAOS_MAIN): TEST_INCLUDES = -I$(BUILD)/gen/chaos
$(CHAOS) $(CHAOS_MAIN): | $(CHAOS_SQL).c $(BUILD)/gen/kit/kit_sql.c
$(BUILD)/lib/libchaos.a: $(CHAOS) $(BUILD)/obj/gen/chaos/chaos_sql.o
$(BUILD)/tests/chaos/payments/chaos: $(CHAOS_MAIN) $(BUILD)/lib/libchaos.a $(BUILD)/lib/libsupport.a $(BUILD)/lib/libdaraja.a $(SHARED)
	@mkdir -p $(@D) && echo "  link  $@" && $(CC) $(LDFLAGS) $^ -lcmocka $(LIBS) -o $@
chaos-program: $(BUILD)/tests/chaos/payments/chaos
tests-all: chaos-program

# --- Figures: tests/bench/*.c, each with a main of its own but bench.c -------------------------------
BENCH_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(filter-out tests/bench/bench.c,$(wildcard tests/bench/*.c)))
bench-programs: $(BENCH_PROGRAMS)
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/obj/tests/bench/bench.o $(SHARED)
	@mkdir -p $(@D) && echo "  link  $@" && $(CC) $(LDFLAGS) $^ $(LIBS) -o $@

# --- Commands ------------------------------------------------------------------------------------
STACK := BUILD=$(BUILD) docker/local/stack.sh
run start stop status logs reset: ; @$(STACK) $@
test: ; @tests/run.sh $(ONLY)
chaos: ; @PROGRAM_LIMIT_S=$${PROGRAM_LIMIT_S:-3600} CHAOS_AWAY_S=$${CHAOS_AWAY_S:-120} CHAOS_ROUNDS=$${CHAOS_ROUNDS:-30} tests/run.sh chaos/ && tests/chaos/payments/run.sh
SECONDS ?= 60
fuzz: ; @tests/fuzz/run.sh $(SECONDS) $(ONLY)

# Documents printed by the code; schemas-check fails when the committed ones differ. schemas/released/ holds the events as
# they were released: what would break their consumers is refused (exit status 3 of dcctl: something is only new).
COMPATIBILITY := $(BUILD)/bin/dcctl compatibility schemas/released
schemas: all
	@BUILD=$(BUILD) docker/local/schemas.sh schemas && { $(COMPATIBILITY) schemas/events || [ $$? = 3 ]; }
schemas-release: schemas
	@cp schemas/events/*.json schemas/released/
schemas-check: all
	@rm -rf $(BUILD)/schemas && mkdir -p $(BUILD)/schemas && BUILD=$(BUILD) docker/local/schemas.sh $(BUILD)/schemas
	@$(COMPATIBILITY) $(BUILD)/schemas/events
	@diff -ru --exclude=released schemas $(BUILD)/schemas || { echo "schemas/ is not what the code prints: run 'make schemas' and commit it"; exit 1; }

SOURCES := $(wildcard shared/*/*.c services/*/*.c docker/local/daraja/*.c docs/examples/*.c)
lint: lint-cppcheck lint-tidy
lint-cppcheck: $(BUILD)/gen/kit/kit_sql.c
	@cppcheck -q -j2 --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	  --library=tests/support/jansson.cfg -Ishared/base -Ishared/io -Ishared/kit $(SOURCES)
lint-tidy: $(addsuffix .tidy,$(addprefix $(BUILD)/obj/,$(SOURCES)))
$(BUILD)/obj/%.c.tidy: %.c .clang-tidy $(BUILD)/obj/%.o
	@clang-tidy --quiet $< -- -std=gnu17 -D_GNU_SOURCE $(INCLUDES_kit) $(if $(filter services/%,$<),-I$(dir $<) -I$(BUILD)/gen/$(word 2,$(subst /, ,$<)),-I$(BUILD)/gen/books) -I/usr/include/postgresql 2>/dev/null && touch $@

faults: ; @tests/fault/run.sh full $(ONLY)
valgrind: ; @tests/valgrind.sh $(ONLY)
audit: all ; @BUILD=$(BUILD) tests/audit/audit.sh
bench: ; @tests/bench/run.sh $(ONLY)
clean: ; @rm -rf $(filter-out $(BUILD)/borrowed,$(wildcard $(BUILD)/*))
help:
	@sed -n 's/^#: //p' Makefile

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.PHONY: all libs tests-all tests-races fuzz-all run start stop status logs reset test fuzz chaos chaos-program fault-program schemas schemas-release schemas-check lint lint-cppcheck lint-tidy faults valgrind audit bench clean help
.SECONDARY:
