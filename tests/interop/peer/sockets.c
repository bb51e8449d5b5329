/* The little of the kernel that a peer needs. */
#include "peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

void die(const char *what)
{
	perror(what);
	exit(255);
}

/* A UDP socket on every address of this host. */
int open_port(unsigned port)
{
	struct sockaddr_in here;
	int fd, on = 1;

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (char *)&on, sizeof on) < 0)
		die("SO_REUSEADDR");
	address_of(&here, "0.0.0.0", port);
	if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0)
		die("bind");
	return fd;
}

void address_of(struct sockaddr_in *where, const char *ip, unsigned port)
{
	memset(where, 0, sizeof *where);
	where->sin_family = AF_INET;
	where->sin_port = htons((unsigned short)port);
	if (inet_aton(ip, &where->sin_addr) == 0) {
		fprintf(stderr, "%s: no IPv4 address\n", ip);
		exit(255);
	}
}

const char *spell(const struct sockaddr_in *who)
{
	static char text[32];

	sprintf(text, "%s:%u", inet_ntoa(who->sin_addr),
	    (unsigned)ntohs(who->sin_port));
	return text;
}

void send_bytes(int fd, const void *bytes, size_t count,
    const struct sockaddr_in *to)
{
	if (sendto(fd, bytes, count, 0, (const struct sockaddr *)to,
	    sizeof *to) < 0)
		perror("sendto");
}

/* How many bytes came, or -1; what did not fit is lost, as UDP has it. */
long receive_bytes(int fd, void *buffer, size_t room, struct sockaddr_in *from)
{
	socklen_t length = sizeof *from;
	long got;

	memset(from, 0, sizeof *from);
	got = (long)recvfrom(fd, buffer, room, 0, (struct sockaddr *)from,
	    &length);
	if (got < 0)
		perror("recvfrom");
	return got;
}

/* Since the first call, so that 32 bits last for weeks. */
long milliseconds(void)
{
	static struct timeval start;
	struct timeval now;

	gettimeofday(&now, NULL);
	if (start.tv_sec == 0)
		start = now;
	return (long)(now.tv_sec - start.tv_sec) * 1000
	    + (long)(now.tv_usec - start.tv_usec) / 1000;
}
