// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "field.h"

static void contacts_are_found(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "call me on 0722 000 111", "+254 722-000-111", "254722000111", "07 22 00 01 11", "0722.000.111", "jane at gmail dot com",
        "jane@gmail.com", "jane [at] gmail (dot) com", "WhatsApp 0722000111", "o722 000 111", "my line is (0110) 123-456 thanks",
        "write jane.doe@mail.co.ke", "JANE AT YAHOO DOT COM", "722000111", "+44 7911 123456",
        "jane!@mail.ke", "~=@54.4", // email_is_valid takes them
        "0722\u00a0000\u00a0111", "\u202a+254\u00a0722 000111\u202c", "0722–000–111", // as pages and phones write them
        "0\u200b7\u200b2\u200b2\u200b000\u2060111", "0\ufe0f\u20e37\ufe0f\u20e32\ufe0f\u20e32\ufe0f\u20e30\ufe0f\u20e30\ufe0f\u20e30\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e3",
        "０７２２ ０００ １１１", "07２2 000 111", "𝟎𝟕𝟐𝟐𝟎𝟎𝟎𝟏𝟏𝟏", "٠٧٢٢٠٠٠١١١", "⓪⑦②②⓪⓪⓪①①①", "jane＠gmail.com", "jane﹫gmail．com",
        "zero seven two two zero zero zero one one one", "Zero, Seven, double two, triple zero, triple one", "zero seven 22 000 111",
        "sifuri saba mbili mbili sifuri sifuri sifuri moja moja moja", "0722 zero zero zero one one one", "0, 7, 2, 2, 0, 0, 0, 1, 1, 1",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (!contact_is_inside(texts[i])) fail_msg("not found in: %s", texts[i]);
}

static void ordinary_text_is_left_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "I am 32 years old and worked 2019-2023 in Nairobi.", "15,000 - 20,000 KES per month", "KES 18000 per month", "15000-20000",
        "3 children aged 2, 4 and 7", "Form 4 in 2010", "at home from 8.30 to 17.00", "I am good at cooking. Dot your i's.",
        "Twins (2) and a dog", "Available from 01/02/2027", "10 years at Mama Ngina street 12",
        "one or two children, 15000 a month", "Two, three days a week, 15000 KES", "children aged 1, 2, 3, 4, 5, 6 and 8", "2, 3 and 4 bedrooms",
    };
    struct arena *arena = arena_new(65536);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (contact_is_inside(texts[i])) fail_msg("wrongly found in: %s", texts[i]);
        assert_string_equal(contact_mask(arena, texts[i]), texts[i]);
    }
    arena_free(arena);
}

static void masking_keeps_the_rest(void **state)
{
    (void)state;
    struct arena *arena = arena_new(65536);
    assert_string_equal(contact_mask(arena, "Call me on 0722 000 111 or jane at gmail dot com, please."), "Call me on ••• or •••, please.");
    assert_string_equal(contact_mask(arena, ""), "");
    // the second number begins where the first one ends: alone it is one, behind the other it is not
    assert_string_equal(contact_mask(arena, "+7777777777+77777777777"), "••••••");
    arena_free(arena);
}

static void kenyan_numbers_are_normalised(void **state)
{
    (void)state;
    static const char *const same[] = {"0722000111", "0722 000 111", "722000111", "254722000111", "+254 722-000-111", "(0722) 000.111",
                                       "\u202a+254\u00a0722\u00a0000111\u202c", "0722\u2011000\u2011111"};
    char phone[14];
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        assert_true(phone_normalise(same[i], phone));
        assert_string_equal(phone, "+254722000111");
    }
    assert_true(phone_normalise("0110 123 456", phone));
    static const char *const bad[] = {"", "0822000111", "07220001112", "+447911123456", "072200011a", "254", "2547220001111111111111111"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) assert_false(phone_normalise(bad[i], phone));
}

static void addresses_are_judged(void **state)
{
    (void)state;
    static const char *const good[] = {"jane@example.com", "j.d+tag@mail.co.ke", "o'neil@a-b.org"};
    static const char *const bad[] = {"", "jane", "jane@", "@x.com", "jane@localhost", ".j@x.com", "j..d@x.com", "j@-x.com", "j@x-.com",
                                      "j@x..com", "j@x.com ", "j@x.com\r\nBcc: a@b.c", "j d@x.com"};
    for (size_t i = 0; i < COUNT_OF(good); i++) assert_true(email_is_valid(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++) if (email_is_valid(bad[i])) fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contacts_are_found), cmocka_unit_test(ordinary_text_is_left_alone), cmocka_unit_test(masking_keeps_the_rest),
        cmocka_unit_test(kenyan_numbers_are_normalised), cmocka_unit_test(addresses_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
