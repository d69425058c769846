// SPDX-License-Identifier: MIT
// What `make test` links a target with in place of libFuzzer: feeds it the files of the folders named, once each.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static int replay(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    fseek(file, 0, SEEK_END);
    const long length = ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(length > 0 ? (size_t)length : 1); // exactly as long as the input, so that a byte too far is seen
    const size_t size = bytes ? fread(bytes, 1, (size_t)length, file) : 0;
    fclose(file);
    fprintf(stderr, "%s\n", path); // the last one named is the one that failed
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **entries = NULL;
        const int found = scandir(argv[i], &entries, NULL, alphasort);
        if (found < 0) count += replay(argv[i]);
        for (int at = 0; at < found; at++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entries[at]->d_name);
            if (entries[at]->d_name[0] != '.') count += replay(path);
            free(entries[at]);
        }
        free(entries);
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
