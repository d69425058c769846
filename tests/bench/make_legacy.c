// SPDX-License-Identifier: MIT
// make_legacy WORKERS: a legacy db.json with so many workers, each with her base profile, on standard output. People are
// invented; the same number gives the same file.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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

static void print_created(int64_t i)
{
    printf("\"created_at\":\"2025-%02d-%02dT%02d:%02d:%02d.000Z\",\"updated_at\":\"2025-12-31T08:00:00.000Z\"}", between(i, 1, 1, 12), between(i, 2, 1, 28),
           between(i, 3, 0, 23), between(i, 4, 0, 59), between(i, 5, 0, 59));
}

static void print_profile(int64_t i, bool more)
{
    printf("{\"id\":\"bench_profile_%" PRId64 "\",\"user_id\":\"bench_user_%" PRId64 "\",\"first_name\":\"%s\",\"last_name\":\"%s\","
           "\"email\":\"bench%" PRId64 "@people.example\",\"phone_number\":\"07%08" PRId64 "\",\"user_type\":\"housegirl\",",
           i, i, PICK(names, i, 6), PICK(names, i, 7), i, i);
    print_created(i);
    printf("%s\n", more ? "," : "");
}

static void print_worker(int64_t i, bool more)
{
    printf("{\"id\":\"bench_worker_%" PRId64 "\",\"profile_id\":\"bench_profile_%" PRId64 "\",\"age\":%d,\"bio\":\"%s\","
           "\"current_location\":\"%s\",\"location\":\"%s\",\"education\":\"%s\",\"experience\":\"%s\",\"expected_salary\":%d,"
           "\"accommodation_type\":\"%s\",\"is_available\":%s,",
           i, i, between(i, 8, 18, 62), PICK(bios, i, 9), PICK(places, i, 10), PICK(places, i, 11), PICK(education, i, 12), PICK(experience, i, 13),
           between(i, 14, 16, 55) * 500, PICK(accommodation, i, 15), between(i, 16, 1, 4) > 1 ? "true" : "false");
    print_created(i);
    printf("%s\n", more ? "," : "");
}

int main(int argc, char **argv)
{
    int64_t workers = 0;
    if (argc != 2 || !text_to_int64(argv[1], &workers) || workers < 1) {
        fprintf(stderr, "make_legacy: say how many workers: make_legacy 20000 >db.json\n");
        return 2;
    }
    printf("{\"profiles\":[\n");
    for (int64_t i = 1; i <= workers; i++) print_profile(i, i < workers);
    printf("],\n\"housegirl_profiles\":[\n");
    for (int64_t i = 1; i <= workers; i++) print_worker(i, i < workers);
    printf("]}\n");
    return 0;
}
