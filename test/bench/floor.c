// The floor: on each announced IPv4 address it sends, blindly, the two rules that the daemon would add, and on each
// removed one those that it would delete. No thought, no look, no verification. Beside it the daemon is measured.
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
  unsigned char protocol = 213;
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

int main(int count, char **words) {
  if (count != 3) return 64;
  int link = atoi(words[1]), table = atoi(words[2]);
  int events = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), requests = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl here = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR}, kernel = {.nl_family = AF_NETLINK};
  if (bind(events, (void *)&here, sizeof here)) return 1;
  puts("ready");
  fflush(stdout);
  char heard[65536], said[512], answer[4096];
  for (;;) {
    int length = recv(events, heard, sizeof heard, 0);
    for (struct nlmsghdr *event = (void *)heard; NLMSG_OK(event, length); event = NLMSG_NEXT(event, length)) {
      struct ifaddrmsg *address = NLMSG_DATA(event);
      int add = event->nlmsg_type == RTM_NEWADDR, left = IFA_PAYLOAD(event);
      if ((!add && event->nlmsg_type != RTM_DELADDR) || (int)address->ifa_index != link) continue;
      for (struct rtattr *at = IFA_RTA(address); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
        if (at->rta_type != IFA_LOCAL) continue;
        char *end = rule(said, add, RTA_DATA(at), 20000, RT_TABLE_MAIN);
        end = rule(end, add, RTA_DATA(at), 20001, table);
        sendto(requests, said, end - said, 0, (void *)&kernel, sizeof kernel);
        recv(requests, answer, sizeof answer, 0);
        recv(requests, answer, sizeof answer, 0);
      }
    }
  }
}
