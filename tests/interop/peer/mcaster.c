/*
 * mcaster: joins and leaves are answered, everything else is copied to the
 * members of the group it names, behind the sockaddr_in of its sender.
 *
 *   member :2900 --- message ----------> :2900 mcaster
 *                                              | 16 bytes + message
 *   member :3000 <-----------------------------+   (but not to the sender's IP)
 */
#include "peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct seat {
	struct sockaddr_in address;	/* port 3000, whatever it joined from */
	struct seat *next;
};

struct group {
	char name[NAME_FIELD];
	struct seat *seats;		/* in order of joining */
	struct group *next;
};

static struct group *groups;

/* The link that points to the group, or to the NULL at the end. */
static struct group **find_group(const char *name)
{
	struct group **at = &groups;

	while (*at != NULL && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static struct seat **find_seat(struct group *group, struct in_addr ip)
{
	struct seat **at = &group->seats;

	while (*at != NULL && (*at)->address.sin_addr.s_addr != ip.s_addr)
		at = &(*at)->next;
	return at;
}

static unsigned join(const char *name, const struct sockaddr_in *from)
{
	struct group **group = find_group(name);
	struct seat **seat;

	if (*group == NULL) {
		*group = calloc(1, sizeof **group);
		if (*group == NULL)
			return NEG_JOIN;
		strcpy((*group)->name, name);
	}
	seat = find_seat(*group, from->sin_addr);
	if (*seat != NULL)
		return DUP_MEMBER;
	*seat = calloc(1, sizeof **seat);
	if (*seat == NULL)
		return NEG_JOIN;
	(*seat)->address = *from;
	(*seat)->address.sin_port = htons(PORT_EXTENDED);
	return JOIN_ACK;
}

static unsigned leave(const char *name, const struct sockaddr_in *from)
{
	struct group **group = find_group(name), *empty;
	struct seat **seat, *gone;

	if (*group == NULL)
		return NO_GROUP;
	seat = find_seat(*group, from->sin_addr);
	if (*seat == NULL)
		return NO_MEMBER;
	gone = *seat;
	*seat = gone->next;
	free(gone);
	if ((*group)->seats == NULL) {
		empty = *group;
		*group = empty->next;
		free(empty);
	}
	return LEAVE_ACK;
}

/* The answer is the request with a few fields rewritten; the rest comes back. */
static void answer(int fd, struct message *m, const struct sockaddr_in *to,
    unsigned result)
{
	unsigned short view = m->group_view;

	form(m, m->group_name, result, 0, m->sender_gid);
	m->group_view = view;
	m->exclude_list = m->subject_list = NULL;
	m->excl_list_len = m->subj_list_len = 0;
	send_bytes(fd, m, sizeof *m, to);
}

/* As many bytes as the header declares, whatever arrived. */
static void relay(int fd, const struct message *m,
    const struct sockaddr_in *from)
{
	static char copy[sizeof(struct sockaddr_in) + LARGEST];
	struct group *group = *find_group(m->group_name);
	struct seat *seat;
	size_t declared = sizeof *m + 2 * ((size_t)m->excl_list_len
	    + m->subj_list_len) + m->data_len;

	if (declared > LARGEST || m->data_len > LARGEST) {
		printf("crash: %lu bytes declared\n", (unsigned long)declared);
		exit(139);
	}
	memcpy(copy, from, sizeof *from);
	memcpy(copy + sizeof *from, m, declared < BUFFER ? declared : BUFFER);
	for (seat = group ? group->seats : NULL; seat != NULL; seat = seat->next)
		if (seat->address.sin_addr.s_addr != from->sin_addr.s_addr)
			send_bytes(fd, copy, sizeof *from + declared,
			    &seat->address);
}

int mcaster(int argc, char **argv)
{
	static union {
		struct message message;
		char bytes[BUFFER];
	} buffer;			/* never cleared: stale content shows */
	struct message *m = &buffer.message;
	struct sockaddr_in from;
	unsigned result;
	int fd;

	garbage_data_len = argc == 2 && strcmp(argv[1], "--garbage") == 0;
	if (argc != 1 + garbage_data_len) {
		fprintf(stderr, "usage: peer mcaster [--garbage]\n");
		return 255;
	}
	fd = open_port(PORT_PLAIN);
	printf("ready\n");
	for (;;) {
		if (receive_bytes(fd, buffer.bytes, sizeof buffer.bytes, &from) < 0)
			continue;
		if (memchr(m->group_name, '\0', NAME_FIELD) == NULL) {
			printf("overrun: a name without end\n");
			continue;
		}
		printf("%s %s from %s", type_name(m->msg_type), m->group_name,
		    spell(&from));
		if (m->msg_type != JOIN_GROUP && m->msg_type != LEAVE_GROUP) {
			printf(" relayed\n");
			relay(fd, m, &from);
			continue;
		}
		result = m->msg_type == JOIN_GROUP ? join(m->group_name, &from)
		    : leave(m->group_name, &from);
		printf(" answered %s\n", type_name(result));
		answer(fd, m, &from, result);
	}
}
