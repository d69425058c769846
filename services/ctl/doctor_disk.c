// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"

#define SPOOL_AGE_MOST_S 60

static const char *spool_folder(struct doctor *doctor)
{
    return stack_service_setting(doctor->stack, "payments", "DC_SPOOL_DIR");
}

// How many callbacks have waited for longer than a minute, and the oldest's age.
static int waiting(const char *folder, int64_t *ret_oldest_s)
{
    DIR *files = opendir(folder);
    int count = 0;
    for (struct dirent *file; files && (file = readdir(files));) {
        struct stat state;
        const char *dot = strrchr(file->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0 || fstatat(dirfd(files), file->d_name, &state, 0) != 0) continue;
        const int64_t age_s = time(NULL) - state.st_mtime;
        if (age_s > SPOOL_AGE_MOST_S) count++;
        if (age_s > *ret_oldest_s) *ret_oldest_s = age_s;
    }
    if (files) closedir(files);
    return count;
}

void doctor_check_spool(struct doctor *doctor)
{
    const char *folder = spool_folder(doctor);
    int64_t oldest_s = 0;
    if (!folder) return doctor_unseen(doctor);
    if (access(folder, W_OK | X_OK) != 0)
        return doctor_wrong(doctor, "Callbacks of M-Pesa cannot be kept in %s (%m). Make the folder, and let payments write in it.", folder);
    const int count = waiting(folder, &oldest_s);
    if (count == 0) return;
    doctor_wrong(doctor, "%d callback(s) of M-Pesa wait in %s, the oldest for %lld s. payments takes them in by itself when it runs and its database answers; "
                 "if it does, they are broken: look for 'spooled_callback_broken' in its log.", count, folder, (long long)oldest_s);
}

static void check_space(struct doctor *doctor, const char *folder)
{
    struct statvfs disk;
    if (!folder || statvfs(folder, &disk) != 0) return doctor_unseen(doctor);
    const int64_t free_mb = (int64_t)(disk.f_bavail * disk.f_frsize >> 20);
    if (free_mb < doctor->disk_needed_mb)
        doctor_wrong(doctor, "Only %lld MB are free on the disk of %s, and %lld are needed. Free some: full, nothing can be written or told.",
                     (long long)free_mb, folder, (long long)doctor->disk_needed_mb);
}

void doctor_check_space(struct doctor *doctor)
{
    const char *run_dir = doctor->stack->run_dir, *spool = spool_folder(doctor);
    struct stat data, callbacks;
    check_space(doctor, run_dir);
    if (!run_dir || !spool || stat(run_dir, &data) != 0 || stat(spool, &callbacks) != 0 || data.st_dev != callbacks.st_dev) check_space(doctor, spool);
}
