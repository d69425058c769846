// SPDX-License-Identifier: MIT
// make_legacy WORKERS [workers]: a legacy db.json with so many workers, each with her base profile, on standard output, and all
// that a market of that size leaves behind: families (one for two workers), agencies (one for a hundred), photos, what was bought
// and unlocked. With "workers" those alone. People are invented; the same number gives the same file.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "text.h"

static const char *const names[] = {"Achieng", "Wanjiku", "Chebet", "Nafula", "Mwende", "Atieno", "Njeri", "Halima", "Kerubo", "Zawadi"};
static const char *const places[] = {"Kasarani, Nairobi", "Westlands, Nairobi", "Nyali, Mombasa", "Milimani, Kisumu", "Eldoret",
                                     "Thika", "Nakuru", "Malindi", "Kitale", "Ruiru", "Karen, Nairobi"};
static const char *const education[] = {"primary", "form_2", "form_4", "certificate", "diploma", "degree"};
static const char *const experience[] = {"no_experience", "1_year", "2_years", "3_years", "4_years", "5_plus_years"};
static const char *const accommodation[] = {"live_in", "live_out", "both"};
static const char *const bios[] = {
    "Patient with toddlers and a good cook of pilau, chapati and githeri. Looking for a calm family.",
    "I clean, wash and iron. I have worked for two families and can give references from both of them.",
    "I love children and help with homework. First aid course done; I do not smoke and I go to church on Sundays.",
    "Trained in hotel housekeeping. I cook Kenyan and Indian dishes and can manage the shopping of a household.",
};
#define PICK(list_, number_, salt_) ((list_)[drawn(number_, salt_) % COUNT_OF(list_)])

// Drawn anew for each member, so that no two of them go together: splitmix64, https://prng.di.unimi.it/splitmix64.c.
static uint64_t drawn(int64_t number, uint64_t salt)
{
    uint64_t z = (uint64_t)number * 0x9e3779b97f4a7c15ULL + salt * 0xd1342543de82ef95ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static int between(int64_t number, uint64_t salt, int least, int most)
{
    return least + (int)(drawn(number, salt) % (uint64_t)(most - least + 1));
}

static void print_id(const char *kind, int64_t i)
{
    printf("{\"id\":\"bench_%s_%" PRId64 "\"", kind, i);
}

static void print_reference(const char *member, const char *kind, int64_t i)
{
    printf(",\"%s\":\"bench_%s_%" PRId64 "\"", member, kind, i);
}

static void print_text(const char *member, const char *value)
{
    printf(",\"%s\":\"%s\"", member, value);
}

static void print_number(const char *member, int64_t value)
{
    printf(",\"%s\":%" PRId64, member, value);
}

static void print_time(const char *member, int64_t i)
{
    printf(",\"%s\":\"2025-%02d-%02dT%02d:%02d:%02d.000Z\"", member, between(i, 1, 1, 12), between(i, 2, 1, 28), between(i, 3, 0, 23), between(i, 4, 0, 59),
           between(i, 5, 0, 59));
}

// Ends a row.
static void print_times(int64_t i)
{
    print_time("created_at", i);
    printf(",\"updated_at\":\"2025-12-31T08:00:00.000Z\"}");
}

// --- People: first workers, then families, then agencies --------------------------------------------

struct market {
    int64_t workers, families, agencies;
};

static void print_profile(const struct market *market, int64_t i)
{
    print_id("profile", i);
    print_reference("user_id", "user", i);
    print_text("first_name", PICK(names, i, 6));
    print_text("last_name", PICK(names, i, 7));
    printf(",\"email\":\"bench%" PRId64 "@people.example\",\"phone_number\":\"07%08" PRId64 "\"", i, i);
    print_text("user_type", i <= market->workers ? "housegirl" : i <= market->workers + market->families ? "employer" : "agency");
    print_times(i);
}

static void print_worker(const struct market *market, int64_t i)
{
    (void)market;
    print_id("worker", i);
    print_reference("profile_id", "profile", i);
    print_number("age", between(i, 8, 18, 62));
    print_text("bio", PICK(bios, i, 9));
    print_text("current_location", PICK(places, i, 10));
    print_text("location", PICK(places, i, 11));
    print_text("education", PICK(education, i, 12));
    print_text("experience", PICK(experience, i, 13));
    print_number("expected_salary", between(i, 14, 16, 55) * 500);
    print_text("accommodation_type", PICK(accommodation, i, 15));
    printf(",\"is_available\":%s", between(i, 16, 1, 4) > 1 ? "true" : "false");
    print_times(i);
}

static void print_photo(const struct market *market, int64_t i)
{
    print_id("photo", i);
    print_reference("profile_id", "profile", between(i, 17, 1, (int)market->workers));
    printf(",\"photo_url\":\"https://photos.example/%" PRId64 ".jpg\"", i);
    print_time("upload_date", i);
    printf("}");
}

static void print_family(const struct market *market, int64_t i)
{
    print_id("employer", i);
    print_reference("profile_id", "profile", market->workers + i);
    print_text("company_name", "");
    print_text("location", PICK(places, i, 18));
    print_text("description", "A family of four near the school, looking for help on weekdays.");
    print_times(i);
}

// --- Agencies ---------------------------------------------------------------------------------------

static void print_agency_profile(const struct market *market, int64_t i)
{
    print_id("agency_profile", i);
    print_reference("profile_id", "profile", market->workers + market->families + i);
    print_text("agency_name", "Good Hands Agency");
    print_text("location", PICK(places, i, 19));
    print_text("description", "We train and place domestic workers.");
    printf(",\"license_number\":\"NEA/%" PRId64 "\"", i);
    print_times(i);
}

static void print_agency(const struct market *market, int64_t i)
{
    (void)market;
    print_id("agency", i);
    printf(",\"name\":\"Good Hands %" PRId64 "\",\"license_number\":\"NEA/%" PRId64 "\",\"services\":[\"cleaning\",\"child care\"]", i, i);
    print_text("verification_status", "verified");
    print_text("location", PICK(places, i, 19));
    print_number("monthly_fee", 5000);
    print_times(i);
}

static void print_membership(const struct market *market, int64_t i)
{
    print_id("membership", i);
    print_reference("agency_id", "agency", between(i, 20, 1, (int)market->agencies));
    print_reference("worker_id", "worker", i);
    printf(",\"training_certificates\":[\"first_aid\"],\"is_active\":true");
    print_text("verification_status", "verified");
    print_times(i);
}

static void print_client(const struct market *market, int64_t i)
{
    print_id("client", i);
    print_reference("agency_id", "agency", between(i, 21, 1, (int)market->agencies));
    print_reference("client_id", "employer", between(i, 22, 1, (int)market->families));
    print_reference("worker_id", "worker", between(i, 23, 1, (int)market->workers));
    print_number("hiring_fee", 8000);
    print_text("placement_status", "active");
    print_times(i);
}

static void print_subscription(const struct market *market, int64_t i)
{
    (void)market;
    print_id("subscription", i);
    print_reference("agency_id", "agency", i);
    print_text("tier", "premium");
    print_number("monthly_fee", 5000);
    printf(",\"is_active\":true");
    print_times(i);
}

static void print_fee(const struct market *market, int64_t i)
{
    print_id("fee", i);
    print_reference("agency_id", "agency", between(i, 24, 1, (int)market->agencies));
    print_text("payment_type", "subscription");
    print_number("amount", 5000);
    print_text("status", "completed");
    print_time("payment_date", i);
    printf("}");
}

// --- Purchases --------------------------------------------------------------------------------------

static void print_package(const struct market *market, int64_t i)
{
    (void)market;
    print_id("package", i);
    printf(",\"name\":\"%" PRId64 " contacts\",\"description\":\"\",\"is_active\":true", i);
    print_number("price", i * 200);
    print_number("contacts_included", i);
    print_times(i);
}

static void print_purchase(const struct market *market, int64_t i)
{
    print_id("purchase", i);
    print_reference("user_id", "user", market->workers + i);
    print_reference("package_id", "package", 3);
    print_number("amount", 600);
    print_text("status", "completed");
    print_number("contacts_remaining", between(i, 25, 0, 3));
    printf(",\"mpesa_transaction_id\":\"SBX%" PRId64 "\"", i);
    print_time("purchase_date", i);
    printf("}");
}

// Two for a family, of workers next to each other, so that none comes twice.
static void print_access(const struct market *market, int64_t i)
{
    print_id("access", i);
    print_reference("user_id", "user", market->workers + (i + 1) / 2);
    print_reference("target_profile_id", "worker", i);
    print_time("accessed_at", i);
    printf("}");
}

// --- The file ---------------------------------------------------------------------------------------

struct listing {
    const char *name;
    int64_t count;
    void (*print)(const struct market *market, int64_t i);
};

static void print_listings(const struct market *market, const struct listing *listings, size_t count)
{
    printf("{");
    for (size_t l = 0; l < count; l++) {
        printf("%s\"%s\":[\n", l ? ",\n" : "", listings[l].name);
        for (int64_t i = 1; i <= listings[l].count; i++) {
            listings[l].print(market, i);
            printf("%s\n", i < listings[l].count ? "," : "");
        }
        printf("]");
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    int64_t workers = 0;
    const bool is_whole = argc == 2;
    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "workers") != 0) || !text_to_int64(argv[1], &workers) || workers < 100 || workers > 10000000) {
        fprintf(stderr, "make_legacy: say how many workers, from 100 on: make_legacy 20000 [workers] >db.json\n");
        return 2;
    }
    const struct market market = {workers, is_whole ? workers / 2 : 0, is_whole ? workers / 100 : 0};
    const struct listing listings[] = {
        {"profiles", market.workers + market.families + market.agencies, print_profile},
        {"housegirl_profiles", workers, print_worker},
        {"employer_profiles", market.families, print_family},
        {"agency_profiles", market.agencies, print_agency_profile},
        {"photos", workers / 2, print_photo},
        {"agencies", market.agencies, print_agency},
        {"agency_workers", workers / 4, print_membership},
        {"agency_clients", workers / 5, print_client},
        {"agency_subscriptions", market.agencies, print_subscription},
        {"agency_payments", market.agencies * 6, print_fee},
        {"payment_packages", 5, print_package},
        {"user_purchases", market.families, print_purchase},
        {"contact_access", market.families * 2, print_access},
    };
    print_listings(&market, listings, is_whole ? COUNT_OF(listings) : 2);
    return 0;
}
