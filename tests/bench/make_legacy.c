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
#define PICK(list_, number_) ((list_)[(size_t)(number_) % COUNT_OF(list_)])

int main(int argc, char **argv)
{
    int64_t workers = 0;
    if (argc != 2 || !text_to_int64(argv[1], &workers) || workers < 1) {
        fprintf(stderr, "make_legacy: say how many workers: make_legacy 20000 >db.json\n");
        return 2;
    }
    printf("{\"profiles\":[\n");
    for (int64_t i = 1; i <= workers; i++)
        printf("{\"id\":\"bench_profile_%" PRId64 "\",\"user_id\":\"bench_user_%" PRId64 "\",\"first_name\":\"%s\",\"last_name\":\"%s\","
               "\"email\":\"bench%" PRId64 "@people.example\",\"phone_number\":\"07%08" PRId64 "\",\"user_type\":\"housegirl\","
               "\"created_at\":\"2025-%02d-%02dT%02d:%02d:00.000Z\",\"updated_at\":\"2025-12-01T08:00:00.000Z\"}%s\n",
               i, i, PICK(names, i), PICK(names, i / 7 + 3), i, i, (int)(i % 12) + 1, (int)(i % 28) + 1, (int)(i % 24), (int)(i / 24 % 60),
               i < workers ? "," : "");
    printf("],\n\"housegirl_profiles\":[\n");
    for (int64_t i = 1; i <= workers; i++)
        printf("{\"id\":\"bench_worker_%" PRId64 "\",\"profile_id\":\"bench_profile_%" PRId64 "\",\"age\":%d,\"bio\":\"%s\","
               "\"current_location\":\"%s\",\"location\":\"%s\",\"education\":\"%s\",\"experience\":\"%s\",\"expected_salary\":%d,"
               "\"accommodation_type\":\"%s\",\"is_available\":%s,\"created_at\":\"2025-%02d-%02dT%02d:%02d:00.000Z\","
               "\"updated_at\":\"2025-12-01T08:00:00.000Z\"}%s\n",
               i, i, 18 + (int)(i % 45), PICK(bios, i), PICK(places, i), PICK(places, i / 11), PICK(education, i), PICK(experience, i / 6),
               8000 + (int)(i % 40) * 500, PICK(accommodation, i / 3), i % 4 ? "true" : "false", (int)(i % 12) + 1, (int)(i % 28) + 1,
               (int)(i % 24), (int)(i / 24 % 60), i < workers ? "," : "");
    printf("]}\n");
    return 0;
}
