// What the kernel alone takes for a list of changes: sends the netlink messages of a file as they are, 500 in one
// datagram as the daemon does, and reads the acknowledgements. Exit status 1 where one was refused.
//   blast FILE
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef SO_RCVBUFFORCE
#define SO_RCVBUFFORCE 33
#endif
enum { most = 500, bytes = 64 * 1024 };

int main(int count, char **words) {
  FILE *file = count == 2 ? fopen(words[1], "rb") : NULL;
  if (!file) return 64;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *all = malloc(size + 1);
  if (fread(all, 1, size, file) != (size_t)size) return 1;
  int fd = socket(AF_NETLINK, SOCK_RAW, 0), room = 4 << 20, on = 1, refused = 0;
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  for (long start = 0; start < size;) {
    long end = start;
    int messages = 0;
    while (end < size && messages < most) {
      unsigned length = NLMSG_ALIGN(((struct nlmsghdr *)(all + end))->nlmsg_len);
      if (end + length - start > bytes) break;
      end += length;
      messages++;
    }
    if (sendto(fd, all + start, end - start, 0, (void *)&kernel, sizeof kernel) < 0) return 1;
    char answer[4096];
    while (messages--) {
      if (recv(fd, answer, sizeof answer, 0) < 0) return 1;
      struct nlmsghdr *header = (void *)answer;
      refused |= header->nlmsg_type == NLMSG_ERROR && ((struct nlmsgerr *)NLMSG_DATA(header))->error != 0;
    }
    start = end;
  }
  return refused;
}
