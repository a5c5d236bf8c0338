/* SPDX-License-Identifier: MIT */
/* libssh's client: gssapi-with-mic, one command, its answer on standard output.
 *   libssh_client CONFIG HOST PORT USER COMMAND */
#include <libssh/libssh.h>
#include <stdio.h>
#include <stdlib.h>

static int run(ssh_session session, const char* command) {
  if (ssh_connect(session) != SSH_OK) return 1;
  if (ssh_userauth_none(session, NULL) == SSH_AUTH_ERROR) return 1;
  if (ssh_userauth_gssapi(session) != SSH_AUTH_SUCCESS) return 1;
  ssh_channel channel = ssh_channel_new(session);
  char buffer[4096];
  int status = 1;
  if (ssh_channel_open_session(channel) == SSH_OK &&
      ssh_channel_request_exec(channel, command) == SSH_OK) {
    int size;
    while ((size = ssh_channel_read_timeout(channel, buffer, sizeof buffer, 0, 100000)) > 0) {
      fwrite(buffer, 1, (size_t)size, stdout);
    }
    status = size < 0;
  }
  ssh_channel_free(channel);
  return status;
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  ssh_session session = ssh_new();
  long timeout = 100;
  ssh_options_set(session, SSH_OPTIONS_HOST, argv[2]);
  ssh_options_parse_config(session, argv[1]);
  ssh_options_set(session, SSH_OPTIONS_PORT_STR, argv[3]);
  ssh_options_set(session, SSH_OPTIONS_USER, argv[4]);
  ssh_options_set(session, SSH_OPTIONS_TIMEOUT, &timeout);
  const int status = run(session, argv[5]);
  if (status != 0) fprintf(stderr, "%s\n", ssh_get_error(session));
  ssh_disconnect(session);
  ssh_free(session);
  return status;
}
