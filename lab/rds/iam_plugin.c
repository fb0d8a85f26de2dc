/* AWSAuthenticationPlugin for the lab's MariaDB: who comes with a token of IAM is asked about, by LDAP, of whoever listens at LAB_IAM.

   On RDS the plugin is Amazon's, and the statement that names it is this one as well: CREATE USER x IDENTIFIED WITH
   AWSAuthenticationPlugin AS 'RDS'. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
   The client sends the token as it is (mysql_clear_password), so that the account should demand TLS.

   LAB_IAM is ADDRESS:PORT:INSTANCE. What the server reads of a plugin is written out here, for a machine with a server need not have
   its headers: https://mariadb.com/docs/server/reference/plugins/plugin-development (versions 10.4 and later). */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { OK = -1, REFUSED = 0, TOKEN_BYTES_MAX = 8192, NAME_BYTES_MAX = 256, PATIENCE_S = 10 };

/* --- what the server and a plugin know of each other ------------------------------------------------------------------ */

struct vio {
  int (*read_packet)(struct vio *, unsigned char **);
  int (*write_packet)(struct vio *, const unsigned char *, int);
  void (*info)(struct vio *, void *);
};

struct who { /* the beginning of MYSQL_SERVER_AUTH_INFO; the rest is the server's */
  const char *user;
  unsigned int user_length;
};

struct authentication {
  int interface_version;
  const char *client_plugin;
  int (*authenticate)(struct vio *, struct who *);
  void *hash_password, *preprocess_hash;
};

struct plugin {
  int type;
  void *info;
  const char *name, *author, *description;
  int license;
  void *init, *deinit;
  unsigned int version;
  void *status_variables, *system_variables;
  const char *version_text;
  unsigned int maturity;
};

/* --- LDAP: a simple bind, and its answer (https://www.rfc-editor.org/rfc/rfc4511#section-4.2) -------------------------- */

/* Writes from the end of a buffer to its beginning, where the length of what follows is known. */
static unsigned char *part(unsigned char *at, unsigned char tag, const void *content, size_t size, size_t inside) {
  at -= size;
  memcpy(at, content, size);
  inside += size;
  *--at = (unsigned char)inside;
  *--at = (unsigned char)(inside >> 8);
  *--at = 0x82; /* two bytes of length */
  *--at = tag;
  return at;
}

static int ask(const char *address, int port, const char *name, const char *token, size_t token_size) {
  unsigned char message[TOKEN_BYTES_MAX + 2 * NAME_BYTES_MAX], answer[64], *end = message + sizeof message, *at = end;
  const unsigned char three = 3, one = 1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  struct timeval patience = {PATIENCE_S, 0};
  ssize_t got;
  int said = REFUSED, asking;

  at = part(at, 0x80, token, token_size, 0);
  at = part(at, 0x04, name, strlen(name), 0);
  at = part(at, 0x02, &three, 1, 0);
  at = part(at, 0x60, "", 0, (size_t)(end - at));
  at = part(at, 0x02, &one, 1, 0);
  at = part(at, 0x30, "", 0, (size_t)(end - at));
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || (asking = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) return REFUSED;
  setsockopt(asking, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(asking, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(asking, (struct sockaddr *)&to, sizeof to) == 0 && send(asking, at, (size_t)(end - at), MSG_NOSIGNAL) == end - at) {
    got = recv(asking, answer, sizeof answer, 0);
    /* 30 size 02 01 01 61 size 0A 01 RESULT: zero is success; whatever else is none. */
    if (got >= 10 && answer[0] == 0x30 && answer[5] == 0x61 && answer[7] == 0x0A && answer[9] == 0) said = OK;
  }
  close(asking);
  return said;
}

static int authenticate(struct vio *vio, struct who *who) {
  char address[64], instance[NAME_BYTES_MAX / 2], name[NAME_BYTES_MAX];
  const char *where = getenv("LAB_IAM");
  unsigned char *token;
  int port, size = vio->read_packet(vio, &token);

  if (where == NULL || sscanf(where, "%63[^:]:%d:%127s", address, &port, instance) != 3) return REFUSED;
  if (size > 0 && token[size - 1] == '\0') size--; /* the client ends it with a zero */
  if (size <= 0 || size > TOKEN_BYTES_MAX || who->user == NULL) return REFUSED;
  if (snprintf(name, sizeof name, "%s/%.*s", instance, (int)who->user_length, who->user) >= (int)sizeof name) return REFUSED;
  return ask(address, port, name, (const char *)token, (size_t)size);
}

static struct authentication how = {0x0202, "mysql_clear_password", authenticate, NULL, NULL};

int _maria_plugin_interface_version_ = 0x010e;
int _maria_sizeof_struct_st_plugin_ = sizeof(struct plugin);
struct plugin _maria_plugin_declarations_[] = {
    {7, &how, "AWSAuthenticationPlugin", "Understudy's lab", "asks the lab about tokens of IAM", 1, NULL, NULL, 0x0100, NULL, NULL, "1.0", 5},
    {0}};
