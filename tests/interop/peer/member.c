/*
 * member: no protocol of its own.  It sends what standard input says and
 * prints what arrives, so that a test can play any part by hand.
 *
 *   send TYPE GROUP [sender=N] [subject=N] [view=N] [auth=N] [exclude=N,N]
 *        [subjects=N,N] [data=TEXT] [size=N] [declare=N]
 *   raw HEX              these bytes, whatever they are
 *   port N               send (and hear answers) from another port
 *   to ADDRESS           send to another address
 *
 * GROUP "-" is the empty name; size=N makes N bytes of data; declare=N writes
 * N to data_len.  Each arrival is a line:  recv PORT SENDER HEX
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE 8192

static int plain, extended;
static unsigned plain_port = PORT_PLAIN;
static struct sockaddr_in destination;

static void read_list(struct gid_entry **list, unsigned short *count, char *text)
{
	char *end = text;

	while (*end != '\0') {
		if (add_gid(list, (unsigned)strtoul(text, &end, 10)))
			++*count;
		text = end + 1;
	}
}

/* One name=value of a send command. */
static void set_field(struct message *m, char *word,
    const char **declared)
{
	static char data[LARGEST];
	char *value = strchr(word, '=');
	unsigned number;

	if (value == NULL)
		return;
	*value++ = '\0';
	number = (unsigned)strtoul(value, NULL, 0);
	if (strcmp(word, "sender") == 0)
		m->sender_gid = (unsigned short)number;
	else if (strcmp(word, "subject") == 0)
		m->subject_gid = (unsigned short)number;
	else if (strcmp(word, "view") == 0)
		m->group_view = (unsigned short)number;
	else if (strcmp(word, "auth") == 0)
		m->authentication = number;
	else if (strcmp(word, "exclude") == 0)
		read_list(&m->exclude_list, &m->excl_list_len, value);
	else if (strcmp(word, "subjects") == 0)
		read_list(&m->subject_list, &m->subj_list_len, value);
	else if (strcmp(word, "declare") == 0)
		*declared = value;
	else if (strcmp(word, "data") == 0) {
		strcpy(data, value);
		m->data = data;
		m->data_len = (unsigned)strlen(data);
	} else if (strcmp(word, "size") == 0 && number < LARGEST / 2) {
		m->data = data;
		for (m->data_len = 0; m->data_len < number; m->data_len++)
			data[m->data_len] = (char)(m->data_len * 7 + 1);
	} else
		fprintf(stderr, "%s: no such field\n", word);
}

static void send_command(char *words)
{
	static char buffer[LARGEST];
	struct message m;
	char *type = strtok(words, " "), *name = strtok(NULL, " "), *word;
	const char *declared = NULL;
	size_t length;

	if (type == NULL || name == NULL || strlen(name) >= NAME_FIELD) {
		fprintf(stderr, "send: what, and to which group?\n");
		return;
	}
	soil(&m);
	form(&m, strcmp(name, "-") == 0 ? "" : name,
	    (unsigned)strtoul(type, NULL, 10), 0, 0);
	while ((word = strtok(NULL, " ")) != NULL)
		set_field(&m, word, &declared);
	length = flatten(&m, buffer);
	if (declared != NULL)
		((struct message *)buffer)->data_len =
		    (unsigned)strtoul(declared, NULL, 0);
	send_bytes(plain, buffer, length, &destination);
	drop_lists(&m);
}

static void send_raw(const char *hex)
{
	static unsigned char bytes[LINE / 2];
	unsigned byte;
	size_t count = 0;

	while (sscanf(hex, "%2x", &byte) == 1) {
		bytes[count++] = (unsigned char)byte;
		hex += 2;
	}
	send_bytes(plain, bytes, count, &destination);
}

static void obey(char *line)
{
	if (strncmp(line, "send ", 5) == 0)
		send_command(line + 5);
	else if (strncmp(line, "raw ", 4) == 0)
		send_raw(line + 4);
	else if (strncmp(line, "to ", 3) == 0)
		address_of(&destination, line + 3, PORT_PLAIN);
	else if (strncmp(line, "port ", 5) == 0) {
		close(plain);
		plain_port = (unsigned)strtoul(line + 5, NULL, 10);
		plain = open_port(plain_port);
	} else
		fprintf(stderr, "%s: no such command\n", line);
}

/* What standard input has now, as whole lines; ends the program at its end. */
static void read_commands(void)
{
	static char pending[LINE];
	static size_t have;
	char *end;
	long got = (long)read(0, pending + have, sizeof pending - 1 - have);

	if (got <= 0)
		exit(0);
	have += (size_t)got;
	pending[have] = '\0';
	while ((end = strchr(pending, '\n')) != NULL) {
		*end++ = '\0';
		obey(pending);
		have -= (size_t)(end - pending);
		memmove(pending, end, have + 1);
	}
}

static void print_one(int fd, unsigned port)
{
	static char buffer[LARGEST];
	struct sockaddr_in from;
	long got = receive_bytes(fd, buffer, sizeof buffer, &from);

	if (got < 0)
		return;
	printf("recv %u %s ", port, spell(&from));
	print_hex(buffer, (size_t)got);
	printf("\n");
}

static int waiting(int fd)
{
	struct timeval now = { 0, 0 };
	fd_set ready;

	FD_ZERO(&ready);
	FD_SET(fd, &ready);
	return select(fd + 1, &ready, NULL, NULL, &now) > 0;
}

/*
 * An answer of the mcaster is printed after all copies that it sent before:
 * the other socket is emptied first.  So a test that has seen the answer has
 * seen the copies.
 */
int member(int argc, char **argv)
{
	fd_set ready;

	if (argc != 2) {
		fprintf(stderr, "usage: peer %s ADDRESS\n", argv[0]);
		return 255;
	}
	address_of(&destination, argv[1], PORT_PLAIN);
	plain = open_port(plain_port);
	extended = open_port(PORT_EXTENDED);
	printf("ready\n");
	for (;;) {
		FD_ZERO(&ready);
		FD_SET(0, &ready);
		FD_SET(plain, &ready);
		FD_SET(extended, &ready);
		if (select(FD_SETSIZE, &ready, NULL, NULL, NULL) < 0)
			die("select");
		while (waiting(extended))
			print_one(extended, PORT_EXTENDED);
		if (FD_ISSET(plain, &ready))
			print_one(plain, plain_port);
		if (FD_ISSET(0, &ready))
			read_commands();
	}
}
