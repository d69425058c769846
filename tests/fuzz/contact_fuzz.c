// SPDX-License-Identifier: MIT
// Masking leaves nothing that reads as a phone number or address, keeps the rest, and finds whatever a form would take for one.
#include "field.h"
#include "fuzz.h"

#define MASK "•••"

// The masked text is the given one, with a mask in place of each part that is gone.
static void claim_rest_is_kept(const char *given, const char *masked)
{
    const char *at = given;
    for (const char *piece = masked; piece;) {
        const char *mask = strstr(piece, MASK);
        const size_t length = mask ? (size_t)(mask - piece) : strlen(piece);
        const char *found = length ? memmem(at, strlen(at), piece, length) : at;
        claim(found != NULL, "'%s' became '%s'", given, masked);
        at = found + length;
        piece = mask ? mask + strlen(MASK) : NULL;
    }
}

// Whether no more than three signs stand between two digits: more is left to imagination.
static bool is_written_close(const char *text)
{
    for (const char *at = text; *at;) {
        const size_t signs = strcspn(at, "0123456789");
        if (signs > 3) return false;
        at += signs + strspn(at + signs, "0123456789");
    }
    return true;
}

static void claim_masked(struct arena *arena, const char *text)
{
    const char *masked = contact_mask(arena, text);
    claim(masked != NULL, "no memory");
    claim_text(masked, "what is shown");
    claim(!contact_is_inside(masked), "'%s' became '%s'", text, masked);
    claim(contact_is_inside(text) || strcmp(masked, text) == 0, "'%s' became '%s'", text, masked);
    const bool is_plain = text_is_utf8(text, strlen(text)) && !strstr(text, "•"); // else a mask is not to be told from the text
    if (is_plain) claim_rest_is_kept(text, masked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    const char *text = fuzz_rest(&input);
    char phone[14], again[14];
    claim_masked(input.arena, text);
    if (phone_normalise(text, phone)) {
        claim(strlen(phone) == 13 && strncmp(phone, "+254", 4) == 0 && strspn(phone + 4, "0123456789") == 9, "%s", phone);
        claim(phone_normalise(phone, again) && strcmp(phone, again) == 0, "%s is normal, not %s", phone, again);
        claim(contact_is_inside(phone), "%s is found", phone);
        claim(!is_written_close(text) || contact_is_inside(text), "%s is %s", text, phone);
    }
    if (email_is_valid(text)) claim(contact_is_inside(text), "%s is an address", text);
    return 0;
}
