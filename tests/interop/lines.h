/* SPDX-License-Identifier: MIT */
/*
 * How the peers of this folder are driven: commands are lines on stdin, words separated by blanks;
 * bytes are hexadecimal, "-" is none. Each command gets one line of answer on stdout, which begins
 * with "OK" or "ERROR" and which the command's function writes without its end.
 */
#ifndef INTEROP_LINES_H_
#define INTEROP_LINES_H_

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMaxWords = 4 };

typedef struct {
  size_t length;
  void* value; /* with a NUL behind it; the caller frees it */
} Bytes;

static inline Bytes read_bytes(const char* hex) {
  Bytes out = {0, NULL};
  size_t i;
  unsigned value;
  if (hex != NULL && strcmp(hex, "-") != 0) {
    out.length = strlen(hex) / 2;
  }
  out.value = calloc(1, out.length + 1);
  if (out.value == NULL) {
    abort();
  }
  for (i = 0; i < out.length; ++i) {
    if (sscanf(hex + 2 * i, "%2x", &value) != 1) {
      abort(); /* the driver's mistake */
    }
    ((unsigned char*)out.value)[i] = (unsigned char)value;
  }
  return out;
}

static inline void print_hex(const void* data, size_t length) {
  size_t i;
  for (i = 0; i < length; ++i) {
    printf("%02x", ((const unsigned char*)data)[i]);
  }
}

/* A word of an answer. */
static inline void print_word(const void* data, size_t length) {
  putchar(' ');
  if (length == 0) {
    putchar('-');
  }
  print_hex(data, length);
}

/* A command: its first word, with how many words it comes at least, and what answers it. */
typedef struct {
  const char* verb;
  int words;
  void (*answer)(char** word);
} Command;

/* Serves stdin to its end; the last of the commands has no verb. */
static inline void serve(const Command* commands) {
  char* line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    char* word[kMaxWords + 1] = {NULL};
    int words = 0;
    char* rest = NULL;
    char* next;
    const Command* command = commands;
    for (next = strtok_r(line, " \n", &rest); next != NULL && words < kMaxWords;
         next = strtok_r(NULL, " \n", &rest)) {
      word[words++] = next;
    }
    while (command->verb != NULL &&
           (words < command->words || strcmp(word[0], command->verb) != 0)) {
      ++command;
    }
    if (command->verb != NULL) {
      command->answer(word);
    } else {
      fputs("ERROR ffffffff ffffffff not a command of this program", stdout);
    }
    putchar('\n');
    fflush(stdout);
  }
  free(line);
}

#endif
