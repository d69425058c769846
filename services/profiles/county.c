// SPDX-License-Identifier: MIT
// Counties: First Schedule of the Constitution of Kenya, 2010. Towns and estates: common knowledge, kept short.
#include "county.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

const char *const county_names[] = {
    "Mombasa", "Kwale", "Kilifi", "Tana River", "Lamu", "Taita-Taveta", "Garissa", "Wajir", "Mandera", "Marsabit", "Isiolo", "Meru",
    "Tharaka-Nithi", "Embu", "Kitui", "Machakos", "Makueni", "Nyandarua", "Nyeri", "Kirinyaga", "Murang'a", "Kiambu", "Turkana",
    "West Pokot", "Samburu", "Trans Nzoia", "Uasin Gishu", "Elgeyo-Marakwet", "Nandi", "Baringo", "Laikipia", "Nakuru", "Narok",
    "Kajiado", "Kericho", "Bomet", "Kakamega", "Vihiga", "Bungoma", "Busia", "Siaya", "Kisumu", "Homa Bay", "Migori", "Kisii",
    "Nyamira", "Nairobi", NULL,
};

static const struct { const char *place, *county; } places[] = {
    {"Eldoret", "Uasin Gishu"}, {"Thika", "Kiambu"}, {"Malindi", "Kilifi"}, {"Kitale", "Trans Nzoia"}, {"Kasarani", "Nairobi"},
    {"Westlands", "Nairobi"}, {"Kilimani", "Nairobi"}, {"Kileleshwa", "Nairobi"}, {"Lavington", "Nairobi"}, {"Karen", "Nairobi"},
    {"Langata", "Nairobi"}, {"Lang'ata", "Nairobi"}, {"Embakasi", "Nairobi"}, {"Kibera", "Nairobi"}, {"Eastleigh", "Nairobi"},
    {"South B", "Nairobi"}, {"South C", "Nairobi"}, {"Roysambu", "Nairobi"}, {"Donholm", "Nairobi"}, {"Buruburu", "Nairobi"},
    {"Nyali", "Mombasa"}, {"Likoni", "Mombasa"}, {"Bamburi", "Mombasa"}, {"Kisauni", "Mombasa"}, {"Changamwe", "Mombasa"},
    {"Ruiru", "Kiambu"}, {"Juja", "Kiambu"}, {"Kikuyu", "Kiambu"}, {"Limuru", "Kiambu"}, {"Ruaka", "Kiambu"}, {"Githurai", "Kiambu"},
    {"Rongai", "Kajiado"}, {"Kitengela", "Kajiado"}, {"Ngong", "Kajiado"}, {"Athi River", "Machakos"}, {"Syokimau", "Machakos"},
    {"Mlolongo", "Machakos"}, {"Mavoko", "Machakos"}, {"Naivasha", "Nakuru"}, {"Gilgil", "Nakuru"}, {"Molo", "Nakuru"},
    {"Nanyuki", "Laikipia"}, {"Nyahururu", "Laikipia"}, {"Watamu", "Kilifi"}, {"Mtwapa", "Kilifi"}, {"Diani", "Kwale"},
    {"Ukunda", "Kwale"}, {"Voi", "Taita-Taveta"}, {"Wote", "Makueni"}, {"Chuka", "Tharaka-Nithi"}, {"Kerugoya", "Kirinyaga"},
    {"Muranga", "Murang'a"}, {"Lodwar", "Turkana"}, {"Kapenguria", "West Pokot"}, {"Maralal", "Samburu"}, {"Iten", "Elgeyo-Marakwet"},
    {"Kapsabet", "Nandi"}, {"Kabarnet", "Baringo"}, {"Mumias", "Kakamega"}, {"Mbale", "Vihiga"}, {"Webuye", "Bungoma"},
    {"Malaba", "Busia"}, {"Bondo", "Siaya"}, {"Homabay", "Homa Bay"}, {"Ol Kalou", "Nyandarua"}, {"Hola", "Tana River"},
};

// Where name stands in place as whole words, or NULL; the last such.
static const char *find_last(const char *place, const char *name)
{
    size_t length = strlen(name);
    const char *found = NULL;
    for (const char *at = place; *at; at++) {
        bool starts = at == place || !isalpha((unsigned char)at[-1]);
        if (starts && strncasecmp(at, name, length) == 0 && !isalpha((unsigned char)at[length])) found = at;
    }
    return found;
}

const char *county_of_place(const char *place)
{
    const char *county = NULL, *where = NULL;
    for (size_t i = 0; place && county_names[i]; i++) {
        const char *found = find_last(place, county_names[i]);
        if (found && (!where || found > where)) {
            where = found;
            county = county_names[i];
        }
    }
    if (county || !place) return county;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *found = find_last(place, places[i].place);
        if (found && (!where || found > where)) {
            where = found;
            county = places[i].county;
        }
    }
    return county;
}
