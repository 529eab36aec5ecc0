// What a packet pays: route lookups in several network namespaces, in turn, so that all of them meet the same machine.
// A line of stdin is `NAMESPACE SOURCE DESTINATION`, with addresses of one family. In each round and for each line it
// asks PER_ROUND times for the route (RTM_GETROUTE), as often for the route as the table has it (RTM_F_FIB_MATCH), and
// sends as many datagrams from a socket that is bound and not connected. Prints, a line of stdin a line: the µs a lookup
// of each round, of the three in this order, with `|` between them.
//   lookup ROUNDS PER_ROUND
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { places = 64, rounds = 1000, kinds = 3 };

struct place {
  int rtnetlink, udp, family, bytes;
  struct sockaddr_storage to;
  struct {
    struct nlmsghdr header;
    struct rtmsg route;
    char attributes[64];
  } query;
  double took[kinds][rounds];
};
static struct place all[places];

static int fail(const char *what) {
  fprintf(stderr, "lookup: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void addressOf(struct sockaddr_storage *at, int family, const char *text, int port) {
  memset(at, 0, sizeof *at);
  at->ss_family = family;
  ((struct sockaddr_in *)at)->sin_port = htons(port); // At the same place in both families.
  void *bytes = family == AF_INET ? (void *)&((struct sockaddr_in *)at)->sin_addr : &((struct sockaddr_in6 *)at)->sin6_addr;
  if (inet_pton(family, text, bytes) != 1) fail(text);
}

static void attribute(struct nlmsghdr *message, int type, int family, const char *text) {
  struct rtattr *at = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
  int length = family == AF_INET ? 4 : 16;
  at->rta_type = type;
  at->rta_len = RTA_LENGTH(length);
  inet_pton(family, text, RTA_DATA(at));
  message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(at->rta_len);
}

static void enter(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", name);
  int fd = open(path, O_RDONLY);
  if (fd < 0 || setns(fd, CLONE_NEWNET)) fail(path);
  close(fd);
}

static void prepare(struct place *it, const char *name, const char *from, const char *to) {
  enter(name);
  it->family = strchr(from, ':') ? AF_INET6 : AF_INET;
  it->rtnetlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  it->udp = socket(it->family, SOCK_DGRAM, 0);
  int room = 1 << 20;
  setsockopt(it->udp, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  struct sockaddr_storage here;
  addressOf(&here, it->family, from, 0);
  addressOf(&it->to, it->family, to, 9);
  it->bytes = it->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  if (bind(it->udp, (void *)&here, it->bytes)) fail(from);
  it->query.header = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST};
  int bits = it->family == AF_INET ? 32 : 128;
  it->query.route = (struct rtmsg){.rtm_family = it->family, .rtm_src_len = bits, .rtm_dst_len = bits};
  attribute(&it->query.header, RTA_DST, it->family, to);
  attribute(&it->query.header, RTA_SRC, it->family, from);
}

static void askWith(struct place *it, unsigned flags) {
  it->query.route.rtm_flags = flags;
  char answer[4096];
  if (send(it->rtnetlink, &it->query, it->query.header.nlmsg_len, 0) < 0) fail("send");
  if (recv(it->rtnetlink, answer, sizeof answer, 0) < 0) fail("recv");
  struct nlmsghdr *header = (void *)answer;
  if (header->nlmsg_type == NLMSG_ERROR) {
    errno = -((struct nlmsgerr *)NLMSG_DATA(header))->error;
    fail("RTM_GETROUTE");
  }
}

static void ask(struct place *it) { askWith(it, 0); }

static void askForMatch(struct place *it) { askWith(it, RTM_F_FIB_MATCH); }

static void say(struct place *it) {
  if (sendto(it->udp, "?", 1, 0, (void *)&it->to, it->bytes) < 0) fail("sendto");
}

static double measure(struct place *it, void (*once)(struct place *), int times) {
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int i = 0; i < times; i++) once(it);
  clock_gettime(CLOCK_MONOTONIC, &end);
  return ((end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) / 1e3) / times;
}

int main(int words, char **word) {
  int wanted = words == 3 ? atoi(word[1]) : 0, times = words == 3 ? atoi(word[2]) : 0, count = 0;
  if (wanted < 1 || wanted > rounds || times < 1) return 64;
  char name[128], from[64], to[64];
  while (count < places && scanf("%127s %63s %63s", name, from, to) == 3) prepare(&all[count++], name, from, to);
  void (*const once[kinds])(struct place *) = {ask, askForMatch, say};
  // The round before the first finds neighbours and fills caches.
  for (int round = -1; round < wanted; round++)
    for (int i = 0; i < count; i++)
      for (int kind = 0; kind < kinds; kind++) {
        double took = measure(&all[i], once[kind], times);
        if (round >= 0) all[i].took[kind][round] = took;
      }
  for (int i = 0; i < count; i++)
    for (int kind = 0; kind < kinds; kind++) {
      for (int round = 0; round < wanted; round++) printf("%.3f ", all[i].took[kind][round]);
      printf(kind + 1 < kinds ? "|" : "\n");
    }
}
