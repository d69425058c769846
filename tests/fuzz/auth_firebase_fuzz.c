// SPDX-License-Identifier: MIT
// A Firebase ID token is taken only where Google's key signed it, and believed only for what its claims say. First line "claims":
// the rest is the claims of a token whose signature holds; otherwise it is a token as a client sends it.
#include "firebase.h"

#include "fuzz.h"
#include "jose.h"

#define PROJECT "domestic-connect"
#define NOW_S 1800000000
#define SKEW_S 60
// The public half of a key that was made for the one token in seeds/auth_firebase, and thrown away.
#define KEY \
    "{\"kty\":\"RSA\",\"kid\":\"fuzz-2\",\"e\":\"AQAB\",\"n\":\"" \
    "r-wW3Fg6iMFKopbqC1rGvafdbaiYEY36E6GYJPiKEXYHdqBTqS1BVcct35tYZoS6XYi-IiIAhB0WTvLqNQrsx6drmpiRRsTC7wCrMK15RqGd-D" \
    "d-LMeWv-SMIzJevchqX6pcdDmksM5trANCVv39Fg70vecqTfmWFxeQNZ4Avnwu9kS2MLMdF1TF4BTA5gIBEIRkBjJLJoRAdd_kNbudqqT6Zy7E" \
    "PIzwYKdyN4R3mvgYkFreEx7wDHo8_y6Od6cZ0nC9kMIg3YD2jLxErMWBcdXwopObixLWiLetkiYE8LHenFdvvRBJCVatke9Rgkw6T-cHCU6_me" \
    "OGOwwhrPVc2Q" "\"}"
#define SIGNED \
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImZ1enotMiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL3NlY3VyZXRva2VuLmdvb2dsZS5jb20vZ" \
    "G9tZXN0aWMtY29ubmVjdCIsImF1ZCI6ImRvbWVzdGljLWNvbm5lY3QiLCJhdXRoX3RpbWUiOjE3OTk5OTkwMDAsInVzZXJfaWQiOiJ1MSIsInN" \
    "1YiI6InUxIiwiaWF0IjoxNzk5OTk5MDAwLCJleHAiOjE4MDAwMDI2MDAsImVtYWlsIjoiamFuZUBleGFtcGxlLmNvbSIsImVtYWlsX3Zlcmlma" \
    "WVkIjp0cnVlLCJmaXJlYmFzZSI6eyJpZGVudGl0aWVzIjp7ImVtYWlsIjpbImphbmVAZXhhbXBsZS5jb20iXX0sInNpZ25faW5fcHJvdmlkZXI" \
    "iOiJwYXNzd29yZCJ9fQ"

static int64_t seconds(const json_t *claims, const char *name)
{
    const json_t *value = json_object_get(claims, name);
    claim(json_is_integer(value), "%s is there", name);
    return json_integer_value(value);
}

static void judge(const json_t *claims, struct arena *arena)
{
    struct firebase_person person;
    struct error err = {.arena = arena};
    if (!firebase_judge(claims, PROJECT, NOW_S, arena, &person, &err)) {
        claim_refusal(&err, arena);
        return;
    }
    const json_t *provider = json_object_get(claims, "firebase");
    claim(text_equal(json_member_text(claims, "aud"), PROJECT), "for us");
    claim(text_equal(json_member_text(claims, "iss"), "https://securetoken.google.com/" PROJECT), "by Firebase");
    claim(seconds(claims, "exp") > NOW_S - SKEW_S && seconds(claims, "iat") <= NOW_S + SKEW_S, "now");
    claim(person.signed_in_s == seconds(claims, "auth_time") && person.signed_in_s <= NOW_S + SKEW_S, "signed in before now");
    claim(*person.uid && strlen(person.uid) <= 128 && text_equal(person.uid, json_member_text(claims, "sub")), "%s", person.uid);
    claim(!json_object_get(provider, "tenant") && !text_equal(json_member_text(provider, "sign_in_provider"), "anonymous"), "somebody");
    claim(!person.email || email_is_valid(person.email), "%s", person.email);
    claim(!person.email_verified || (person.email && json_is_true(json_object_get(claims, "email_verified"))), "%s", person.email);
}

static void take_token(const char *token, struct arena *arena)
{
    static struct jose_key *key;
    struct jose_header header = {0};
    struct error err = {0};
    if (!key) key = jose_key_parse(KEY, &err);
    claim(key != NULL, "%s", err.cause);
    const bool readable = jose_header_read(token, JOSE_RS256, arena, &header, &err);
    CLEANUP(json_release) json_t *claims = jose_verify(key, JOSE_RS256, token, &err);
    claim(readable || !claims, "%s has a header", token);
    if (!claims) {
        claim(err.problem == &problem_unauthenticated, "%s", err.problem->slug);
        return;
    }
    claim(strncmp(token, SIGNED ".", strlen(SIGNED ".")) == 0, "nobody signed %s", token);
    judge(claims, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_begin(data, size);
    const char *kind = fuzz_line(&input), *text = fuzz_rest(&input);
    struct error err = {0};
    if (strcmp(kind, "claims") != 0) {
        take_token(text, input.arena);
        return 0;
    }
    CLEANUP(json_release) json_t *claims = json_parse(text, strlen(text), &err);
    if (json_is_object(claims)) judge(claims, input.arena);
    return 0;
}
