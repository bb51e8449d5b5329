/*
 * mserver: a place in a fixed ring.  It is queried by its cw neighbour and
 * queries its ccw neighbour; silence is written to a file.
 *
 *     cw ---- QUERY --> us ---- QUERY --> ccw
 *     cw <--- REPLY --- us <--- REPLY --- ccw
 *
 * Its faults are kept, for they are what others must live with: the first
 * message after JOIN_GROUP is the answer, whatever it is; four QUERYs go out
 * where two retries are configured; with --faithful a plain message is lost
 * when an extended one is waiting too.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

static struct {
	int ip_multicast;	/* the build for IP multicast */
	int faithful;
	long tick, query, reply;	/* milliseconds */
	int retries;
	const char *failures;
} option = { 0, 0, 1000, 60000, 5000, 2, "failures" };

static const char *group;
static const char *group_addr;
static unsigned my_gid, cw_gid, ccw_gid;
static struct sockaddr_in cw, ccw;

static int plain, extended;		/* the two sockets */
static long query_at, reply_at;		/* when they fire; reply_at 0: off */
static int counter;
static struct message message;		/* sent from and received into */

static void usage(void)
{
	fprintf(stderr, "usage: peer mserver [--multicast] [--faithful]"
	    " [--garbage] [--tick MS] [--query MS] [--reply MS] [--retries N]"
	    " [--failures FILE] GROUP ADDR MYGID CWGID CWADDR CCWGID CCWADDR\n");
	exit(255);
}

static unsigned gid_of(const char *text)
{
	int gid = atoi(text);

	if (gid < 0 || gid >= GIDS)
		usage();
	return (unsigned)gid;
}

static void transmit(const struct sockaddr_in *to)
{
	static char buffer[BUFFER];

	send_bytes(plain, buffer, flatten(&message, buffer), to);
}

/*
 * One message from a socket.  What came by the extended one has its sender
 * in front, which is then also where an answer goes.
 */
static int receive(int fd, struct sockaddr_in *from)
{
	static char buffer[BUFFER];
	size_t prefix = fd == extended ? sizeof *from : 0;
	long got = receive_bytes(fd, buffer, sizeof buffer, from);
	enum parsed result;

	if (got < (long)(prefix + sizeof message)) {
		printf("short %ld\n", got);
		return 0;
	}
	if (prefix != 0)
		memcpy(from, buffer, prefix);
	result = parse(&message, buffer + prefix, (size_t)got - prefix);
	if (result == GOOD)
		return 1;
	printf("%s %s from %s\n", result == OVERRUN ? "overrun" : "discarded",
	    type_name(message.msg_type), spell(from));
	drop_lists(&message);
	return 0;
}

/* Waits for either socket; says which are ready. */
static int await(long timeout, int *plain_ready, int *extended_ready)
{
	struct timeval limit;
	fd_set ready;
	int count;

	FD_ZERO(&ready);
	FD_SET(plain, &ready);
	FD_SET(extended, &ready);
	limit.tv_sec = timeout / 1000;
	limit.tv_usec = timeout % 1000 * 1000;
	count = select((plain > extended ? plain : extended) + 1, &ready, NULL,
	    NULL, timeout < 0 ? NULL : &limit);
	*plain_ready = count > 0 && FD_ISSET(plain, &ready);
	*extended_ready = count > 0 && FD_ISSET(extended, &ready);
	return count;
}

static void join_multicast(void)
{
	struct ip_mreq wanted;
	unsigned char loop = 0;

	wanted.imr_multiaddr.s_addr = inet_addr(group_addr);
	wanted.imr_interface.s_addr = htonl(INADDR_ANY);
	if (setsockopt(plain, IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&wanted,
	    sizeof wanted) < 0)
		die("IP_ADD_MEMBERSHIP");
	if (setsockopt(plain, IPPROTO_IP, IP_MULTICAST_LOOP, (char *)&loop,
	    sizeof loop) < 0)
		die("IP_MULTICAST_LOOP");
}

/* One JOIN_GROUP, never repeated, and whatever comes first is the answer. */
static void join_mcaster(void)
{
	struct sockaddr_in to, from;
	int plain_ready, extended_ready, good;

	address_of(&to, group_addr, PORT_PLAIN);
	form(&message, group, JOIN_GROUP, 0, 0);
	transmit(&to);
	if (await(-1, &plain_ready, &extended_ready) < 0)
		die("select");
	good = receive(extended_ready ? extended : plain, &from);
	if (!good || message.msg_type != JOIN_ACK) {
		printf("refused by %s from %s\n", type_name(message.msg_type),
		    spell(&from));
		exit(255);
	}
}

static void send_query(void)
{
	form(&message, group, QUERY, my_gid, ccw_gid);
	transmit(&ccw);
	printf("QUERY to %s\n", spell(&ccw));
}

static void note_failure(void)
{
	FILE *file = fopen(option.failures, "a");

	if (file == NULL)
		die(option.failures);
	fprintf(file, "Member %u is detected failed by %u at %ld sec.\n\n",
	    ccw_gid, my_gid, (long)time(NULL));
	fclose(file);
	printf("failure of %u\n", ccw_gid);
}

static void run_timers(void)
{
	long now = milliseconds();

	if (now > query_at) {
		query_at = now + option.query;
		reply_at = now + option.reply;
		send_query();
	}
	if (reply_at != 0 && now > reply_at) {
		query_at = now + option.query;
		if (counter-- < 0) {
			counter = option.retries;
			reply_at = 0;
			note_failure();
		} else {
			reply_at = now + option.reply;
			send_query();
		}
	}
}

static int is(const struct sockaddr_in *who, const struct sockaddr_in *neighbour)
{
	return who->sin_addr.s_addr == neighbour->sin_addr.s_addr
	    && strcmp(message.group_name, group) == 0;
}

static void print_message(const char *what, const struct sockaddr_in *from, int fd)
{
	printf("%s%s from %s by %d", what, type_name(message.msg_type),
	    spell(from), fd == extended ? PORT_EXTENDED : PORT_PLAIN);
	print_list("exclude", message.exclude_list);
	print_list("subjects", message.subject_list);
	printf(" data=");
	if (message.data != NULL)
		print_hex(message.data, message.data_len);
	printf("\n");
}

static void act(int fd)
{
	struct sockaddr_in from;

	if (!receive(fd, &from))
		return;
	if (message.msg_type == QUERY && is(&from, &cw)) {
		print_message("", &from, fd);
		drop_lists(&message);
		form(&message, group, REPLY, my_gid, cw_gid);
		transmit(&from);
	} else if (message.msg_type == REPLY && is(&from, &ccw)) {
		print_message("", &from, fd);
		reply_at = 0;
		query_at = milliseconds() + option.query;
		counter = option.retries;
	} else if (message.msg_type == QUERY || message.msg_type == REPLY) {
		print_message("ignored ", &from, fd);
	} else {
		print_message("", &from, fd);
	}
	drop_lists(&message);
}

static void serve(void)
{
	int plain_ready, extended_ready;
	char lost[BUFFER];
	struct sockaddr_in from;

	for (;;) {
		await(option.tick, &plain_ready, &extended_ready);
		if (plain_ready && extended_ready && option.faithful) {
			receive_bytes(plain, lost, sizeof lost, &from);
			printf("lost one from %s\n", spell(&from));
		} else if (plain_ready) {
			act(plain);
		}
		if (extended_ready)
			act(extended);
		run_timers();
	}
}

/* Reads the options; says how many arguments they are. */
static int read_options(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		const char *name = argv[i] + 2;

		if (strcmp(name, "multicast") == 0)
			option.ip_multicast = 1;
		else if (strcmp(name, "faithful") == 0)
			option.faithful = 1;
		else if (strcmp(name, "garbage") == 0)
			garbage_data_len = 1;
		else if (++i == argc)
			usage();
		else if (strcmp(name, "tick") == 0)
			option.tick = atol(argv[i]);
		else if (strcmp(name, "query") == 0)
			option.query = atol(argv[i]);
		else if (strcmp(name, "reply") == 0)
			option.reply = atol(argv[i]);
		else if (strcmp(name, "retries") == 0)
			option.retries = atoi(argv[i]);
		else if (strcmp(name, "failures") == 0)
			option.failures = argv[i];
		else
			usage();
	}
	return i;
}

int mserver(int argc, char **argv)
{
	int first = read_options(argc, argv);

	if (argc - first != 7 || strlen(argv[first]) >= NAME_FIELD)
		usage();
	group = argv[first];
	group_addr = argv[first + 1];
	my_gid = gid_of(argv[first + 2]);
	cw_gid = gid_of(argv[first + 3]);
	address_of(&cw, argv[first + 4], PORT_PLAIN);
	ccw_gid = gid_of(argv[first + 5]);
	address_of(&ccw, argv[first + 6], PORT_PLAIN);

	soil(&message);
	counter = option.retries;
	query_at = milliseconds() + option.query;
	plain = open_port(PORT_PLAIN);
	extended = open_port(PORT_EXTENDED);
	if (option.ip_multicast)
		join_multicast();
	else
		join_mcaster();
	printf("joined\n");
	serve();
	return 0;
}
