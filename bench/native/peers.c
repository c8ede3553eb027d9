/*
 * The peers in C: told line by line what to do, so that the matcher and they take turns in one run.
 *
 *     peers LISTED UNLISTED            files of 16-byte digests
 *     > build NAME                     < nanoseconds a key, bytes
 *     > ask NAME listed|unlisted COUNT < nanoseconds a key, how many of the first COUNT were found
 */

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "digest.h"

#define FINGERPRINT uint8_t
#define FUSE(name) fuse8_##name
#include "binary-fuse.h"
#undef FINGERPRINT
#undef FUSE
#define FINGERPRINT uint16_t
#define FUSE(name) fuse16_##name
#include "binary-fuse.h"
#include "blocked-bloom.h"
#include "pthash.h"

typedef struct {
  const digest_t *digests;
  size_t count;
} file_t;

static file_t open_file(const char *name) {
  int descriptor = open(name, O_RDONLY);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    perror(name);
    exit(1);
  }
  int flags = MAP_PRIVATE | MAP_POPULATE;
  void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, flags, descriptor, 0);
  if (bytes == MAP_FAILED) {
    perror(name);
    exit(1);
  }
  return (file_t){bytes, (size_t)status.st_size / sizeof(digest_t)};
}

static double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static fuse8_t fuse8;
static fuse16_t fuse16;
static bloom_t bloom512;
static bloom_t bloom64;

static size_t build(const char *name, file_t keys) {
  if (!strcmp(name, "fuse8")) return fuse8_build(&fuse8, keys.digests, keys.count);
  if (!strcmp(name, "fuse16")) return fuse16_build(&fuse16, keys.digests, keys.count);
  if (!strcmp(name, "bloom512")) return bloom512_build(&bloom512, keys.digests, keys.count);
  if (!strcmp(name, "bloom64")) return bloom64_build(&bloom64, keys.digests, keys.count);
  if (!strcmp(name, "pthash")) return pthash_build(keys.digests, keys.count);
  return 0;
}

#define ASK(has, structure) \
  for (size_t i = 0; i < count; i++) answers[i] = (uint8_t)has(&structure, digests[i])

static void ask(const char *name, const digest_t *digests, size_t count, uint8_t *answers) {
  if (!strcmp(name, "fuse8")) ASK(fuse8_has, fuse8);
  if (!strcmp(name, "fuse16")) ASK(fuse16_has, fuse16);
  if (!strcmp(name, "bloom512")) ASK(bloom512_has, bloom512);
  if (!strcmp(name, "bloom64")) ASK(bloom64_has, bloom64);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: peers LISTED UNLISTED\n");
    return 2;
  }
  file_t listed = open_file(argv[1]);
  file_t unlisted = open_file(argv[2]);
  uint8_t *answers = zeroed(listed.count > unlisted.count ? listed.count : unlisted.count);
  char verb[16], name[16], which[16];
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    size_t count = 0;
    int words = sscanf(line, "%15s %15s %15s %zu", verb, name, which, &count);
    if (words == 2 && !strcmp(verb, "build")) {
      double start = now(CLOCK_MONOTONIC);
      size_t bytes = build(name, listed);
      printf("%.3f %zu\n", (now(CLOCK_MONOTONIC) - start) / (double)listed.count, bytes);
    } else if (words == 4 && !strcmp(verb, "ask")) {
      file_t asked = strcmp(which, "listed") ? unlisted : listed;
      if (count > asked.count) count = asked.count;
      double start = now(CLOCK_THREAD_CPUTIME_ID);
      ask(name, asked.digests, count, answers);
      double nanos = (now(CLOCK_THREAD_CPUTIME_ID) - start) / (double)(count ? count : 1);
      size_t found = 0;
      for (size_t i = 0; i < count; i++) found += answers[i];
      printf("%.3f %zu\n", nanos, found);
    } else {
      fprintf(stderr, "not understood: %s", line);
      return 2;
    }
    fflush(stdout);
  }
  return 0;
}
