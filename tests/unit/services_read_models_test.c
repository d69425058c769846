// SPDX-License-Identifier: MIT
// What services keep of what others tell them, where news come in another order than they were told.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "inbox.h"
#include "kit_database.h"

extern const struct service profiles_service, payments_service;

// One row of a read model: what an event tells of it (its data hold "%s"), and where that stands then.
static const struct read_model {
    const struct service *service;
    const char *topic, *type, *data, *shown;
} read_models[] = {
    {&profiles_service, "dc.auth.users", EVENT_TYPE("user.updated"), "{\"user_id\":\"k\",\"user_type\":\"employer\",\"first_name\":\"%s\",\"last_name\":\"x\",\"is_active\":true}",
     "SELECT first_name FROM profiles"},
    {&profiles_service, "dc.auth.contacts", EVENT_TYPE("user.contact_changed"), "{\"user_id\":\"k\",\"email\":\"%s\",\"phone_number\":null}",
     "SELECT email FROM contacts"},
    {&payments_service, "dc.profiles.workers", EVENT_TYPE("worker.updated"), "{\"worker_id\":\"k\",\"profile_id\":\"%s\",\"is_active\":true}",
     "SELECT profile_id FROM workers"},
    {&payments_service, "dc.auth.contacts", EVENT_TYPE("user.contact_changed"), "{\"user_id\":\"k\",\"email\":null,\"phone_number\":\"%s\"}",
     "SELECT phone_number FROM payers"},
};

static void tell(struct kit_database *kit, const struct read_model *model, const char *sequence, const char *what)
{
    struct app app = {.service = model->service, .pool = kit->pool, .clock = &clock_system};
    kit_forget(kit);
    const char *data = arena_strdup(kit->arena, model->data);
    char *hole = strstr(data, "%s");
    const char *told = arena_printf(kit->arena, "%.*s%s%s", (int)(hole - data), data, what, hole + 2);
    const struct kafka_message message = {
        .topic = model->topic,
        .key = "k",
        .value = told,
        .value_length = strlen(told),
        .headers = {{"ce_specversion", "1.0"}, {"ce_id", sequence}, {"ce_source", "/services/test"}, {"ce_type", model->type}, {"ce_sequence", sequence}},
        .header_count = 5,
    };
    kit_assert_fine(kit, inbox_apply(&app, &message, kit->arena, &kit->err));
}

static void older_news_change_nothing(void **state)
{
    const struct read_model *model = *state;
    struct kit_database kit;
    assert_int_equal(kit_database_create_for(&kit, model->service), 0);
    tell(&kit, model, "00000000000000000010", "second");
    tell(&kit, model, "00000000000000000009", "first");
    assert_string_equal(test_database_run(&kit.database, model->shown), "second");
    tell(&kit, model, "00000000000000000011", "third");
    assert_string_equal(test_database_run(&kit.database, model->shown), "third");
    kit_database_drop(&kit);
}

int main(void)
{
#define TEST(row) {"older_news_change_nothing: " #row, older_news_change_nothing, NULL, NULL, (void *)(uintptr_t)&read_models[row]}
    const struct CMUnitTest tests[] = {TEST(0), TEST(1), TEST(2), TEST(3)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
