/* SPDX-License-Identifier: MIT */
/* An SSH server of libssh's own callbacks: gssapi-with-mic only, and a command is answered with who
 * was proven. Whoever is DOMAIN\user may log in as user. libssh_server PORT HOSTKEY DOMAIN */
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct login {
  const char* domain;
  char principal[512];
  ssh_channel channel;
  int proven;
  int answered;
};

static int on_gssapi_mic(ssh_session session, const char* user, const char* principal, void* data) {
  struct login* login = data;
  char wanted[512];
  (void)session;
  const int length = snprintf(wanted, sizeof wanted, "%s\\%s", login->domain, user);
  if (principal == NULL || length < 0 || (size_t)length >= sizeof wanted ||
      strcmp(principal, wanted) != 0) {
    return SSH_AUTH_DENIED;
  }
  strcpy(login->principal, wanted);
  login->proven = 1;
  return SSH_AUTH_SUCCESS;
}

static int on_exec(ssh_session session, ssh_channel channel, const char* command, void* data) {
  struct login* login = data;
  (void)session;
  (void)command;
  ssh_channel_write(channel, login->principal, (uint32_t)strlen(login->principal));
  ssh_channel_write(channel, "\n", 1);
  login->answered = 1;
  return SSH_OK;
}

static struct ssh_channel_callbacks_struct channel_callbacks = {.channel_exec_request_function =
                                                                    on_exec};

static ssh_channel on_channel(ssh_session session, void* data) {
  struct login* login = data;
  if (!login->proven || login->channel != NULL) return NULL;
  login->channel = ssh_channel_new(session);
  channel_callbacks.userdata = login;
  ssh_callbacks_init(&channel_callbacks);
  ssh_set_channel_callbacks(login->channel, &channel_callbacks);
  return login->channel;
}

static int serve(ssh_session session, const char* domain) {
  struct login login = {.domain = domain};
  struct ssh_server_callbacks_struct callbacks = {
      .userdata = &login,
      .auth_gssapi_mic_function = on_gssapi_mic,
      .channel_open_request_session_function = on_channel};
  ssh_callbacks_init(&callbacks);
  ssh_set_server_callbacks(session, &callbacks);
  ssh_set_auth_methods(session, SSH_AUTH_METHOD_GSSAPI_MIC);
  if (ssh_handle_key_exchange(session) != SSH_OK) return 1;
  ssh_event event = ssh_event_new();
  ssh_event_add_session(event, session);
  for (int turn = 0; turn < 1000 && !login.answered && ssh_is_connected(session); turn++) {
    if (ssh_event_dopoll(event, 1000) == SSH_ERROR) break;
  }
  if (login.answered) {
    ssh_channel_request_send_exit_status(login.channel, 0);
    ssh_channel_send_eof(login.channel);
    ssh_channel_close(login.channel);
  }
  for (int turn = 0; turn < 100 && ssh_is_connected(session); turn++) {
    if (ssh_event_dopoll(event, 100) == SSH_ERROR) break;
  }
  ssh_event_free(event);
  ssh_disconnect(session);
  return login.answered ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  signal(SIGCHLD, SIG_IGN);
  ssh_bind server = ssh_bind_new();
  ssh_bind_options_set(server, SSH_BIND_OPTIONS_BINDADDR, "127.0.0.1");
  ssh_bind_options_set(server, SSH_BIND_OPTIONS_BINDPORT_STR, argv[1]);
  ssh_bind_options_set(server, SSH_BIND_OPTIONS_HOSTKEY, argv[2]);
  if (ssh_bind_listen(server) != SSH_OK) {
    fprintf(stderr, "%s\n", ssh_get_error(server));
    return 1;
  }
  for (;;) {
    ssh_session session = ssh_new();
    if (ssh_bind_accept(server, session) != SSH_OK) {
      ssh_free(session);
      continue;
    }
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGCHLD, SIG_DFL);
      ssh_bind_free(server);
      alarm(120);
      const int status = serve(session, argv[3]);
      ssh_free(session);
      _exit(status);
    }
    ssh_silent_disconnect(session);
    ssh_free(session);
  }
}
