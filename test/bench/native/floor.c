// The floor: what is announced is answered blindly, by the messages that the daemon would send. No thought, no look, no
// verification. On each IPv4 address that appears on the link it adds two rules, on each that goes it deletes them, and
// what somebody deletes of the rules of protocol 213 it puts back as it was.
//   floor LINK_INDEX TABLE        prints "ready" when it listens; ends with SIGTERM
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const unsigned char protocol = 213;
static struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
static int requests;
static unsigned port;

static void attribute(struct nlmsghdr *message, int type, const void *value, int length) {
  struct rtattr *at = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
  at->rta_type = type;
  at->rta_len = RTA_LENGTH(length);
  memcpy(RTA_DATA(at), value, length);
  message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(at->rta_len);
}

static void number(struct nlmsghdr *message, int type, unsigned value) { attribute(message, type, &value, 4); }

// Writes one rule at `message`; returns where the next one begins.
static char *rule(char *at, int add, const void *source, unsigned priority, unsigned table) {
  struct nlmsghdr *message = (struct nlmsghdr *)at;
  memset(message, 0, 128);
  message->nlmsg_len = NLMSG_LENGTH(sizeof(struct fib_rule_hdr));
  message->nlmsg_type = add ? RTM_NEWRULE : RTM_DELRULE;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0);
  struct fib_rule_hdr *header = NLMSG_DATA(message);
  header->family = AF_INET;
  header->src_len = 32;
  header->table = RT_TABLE_COMPAT;
  header->action = FR_ACT_TO_TBL;
  attribute(message, FRA_SRC, source, 4);
  number(message, FRA_PRIORITY, priority);
  attribute(message, FRA_PROTOCOL, &protocol, 1);
  number(message, FRA_TABLE, table);
  if (table == RT_TABLE_MAIN) {
    number(message, FRA_SUPPRESS_PREFIXLEN, 1);
    number(message, FRA_SUPPRESS_IFGROUP, 20000);
  }
  return at + NLMSG_ALIGN(message->nlmsg_len);
}

static void ask(const void *said, int length, int answers) {
  char answer[4096];
  sendto(requests, said, length, 0, (void *)&kernel, sizeof kernel);
  while (answers--) recv(requests, answer, sizeof answer, 0);
}

static void onAddress(struct nlmsghdr *event, int link, int table) {
  char said[512];
  struct ifaddrmsg *address = NLMSG_DATA(event);
  int add = event->nlmsg_type == RTM_NEWADDR, left = IFA_PAYLOAD(event);
  if ((int)address->ifa_index != link) return;
  for (struct rtattr *at = IFA_RTA(address); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    if (at->rta_type != IFA_LOCAL) continue;
    char *end = rule(said, add, RTA_DATA(at), 20000, RT_TABLE_MAIN);
    end = rule(end, add, RTA_DATA(at), 20001, table);
    ask(said, end - said, 2);
  }
}

static void onDeletedRule(struct nlmsghdr *event) {
  struct fib_rule_hdr *header = NLMSG_DATA(event);
  int left = event->nlmsg_len - NLMSG_LENGTH(sizeof *header), ours = 0;
  struct rtattr *first = (struct rtattr *)((char *)header + NLMSG_ALIGN(sizeof *header));
  for (struct rtattr *at = first; RTA_OK(at, left); at = RTA_NEXT(at, left))
    ours |= at->rta_type == FRA_PROTOCOL && *(unsigned char *)RTA_DATA(at) == protocol;
  if (!ours || event->nlmsg_pid == port) return;
  event->nlmsg_type = RTM_NEWRULE;
  event->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  ask(event, event->nlmsg_len, 1);
}

int main(int count, char **words) {
  if (count != 3) return 64;
  int link = atoi(words[1]), table = atoi(words[2]);
  int events = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  requests = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl here = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | 1 << (RTNLGRP_IPV4_RULE - 1)};
  struct sockaddr_nl own = {.nl_family = AF_NETLINK};
  socklen_t length = sizeof own;
  if (bind(events, (void *)&here, sizeof here) || bind(requests, (void *)&own, sizeof own)) return 1;
  getsockname(requests, (void *)&own, &length);
  port = own.nl_pid;
  puts("ready");
  fflush(stdout);
  char heard[65536];
  for (;;) {
    int got = recv(events, heard, sizeof heard, 0);
    for (struct nlmsghdr *event = (void *)heard; NLMSG_OK(event, got); event = NLMSG_NEXT(event, got)) {
      if (event->nlmsg_type == RTM_NEWADDR || event->nlmsg_type == RTM_DELADDR) onAddress(event, link, table);
      if (event->nlmsg_type == RTM_DELRULE) onDeletedRule(event);
    }
  }
}
