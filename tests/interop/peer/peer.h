/*
 * A peer of 1994: one program that plays mcaster, mserver or a bare member as
 * the originals did, so that ms can be tested against what it must live with.
 *
 * It is compiled for a big-endian machine with 32-bit int, long and pointer,
 * the only kind the original wire format comes from.  A message is a C struct
 * that goes to sendto() as it lies in memory, padding and pointers included;
 * that is the whole point of this program, and why nothing here swaps bytes.
 */
#ifndef PEER_H
#define PEER_H

#include <netinet/in.h>
#include <stddef.h>

#define PORT_PLAIN 2900
#define PORT_EXTENDED 3000
#define BUFFER 1024		/* the receive buffer of the originals */
#define LARGEST 65536		/* beyond this their buffers burst */
#define GIDS 250		/* places in a core table */
#define NAME_FIELD 32

enum type {
	QUERY = 0, REPLY = 1,
	JOIN_GROUP = 120, LEAVE_GROUP = 121,
	JOIN_ACK = 130, DUP_MEMBER = 131, NEG_JOIN = 132,
	LEAVE_ACK = 140, NO_GROUP = 141, NO_MEMBER = 142, NEG_LEAVE = 143
};

struct gid_entry {
	unsigned short gid;
	struct gid_entry *next;
};

struct message {
	unsigned short vers;
	unsigned int checksum;
	char group_name[NAME_FIELD];
	unsigned short group_view;
	unsigned int authentication;
	unsigned short sender_gid;
	unsigned short msg_type;
	unsigned short subject_gid;
	struct in_addr subject_addr;
	unsigned short subject_rank;
	struct gid_entry *exclude_list;
	unsigned short excl_list_len;
	struct gid_entry *subject_list;
	unsigned short subj_list_len;
	char *data;
	unsigned int data_len;
};

/* C89 has no static assertion, but an array of length -1 does not compile. */
#define PROMISE(name, truth) typedef char promise_##name[(truth) ? 1 : -1]
#define LIES_AT(field, where) \
	PROMISE(field, offsetof(struct message, field) == (where))

PROMISE(fixed_part, sizeof(struct message) == 88);
PROMISE(prefix, sizeof(struct sockaddr_in) == 16);
PROMISE(pointer, sizeof(char *) == 4);
LIES_AT(vers, 0);
LIES_AT(checksum, 4);
LIES_AT(group_name, 8);
LIES_AT(group_view, 40);
LIES_AT(authentication, 44);
LIES_AT(sender_gid, 48);
LIES_AT(msg_type, 50);
LIES_AT(subject_gid, 52);
LIES_AT(subject_addr, 56);
LIES_AT(subject_rank, 60);
LIES_AT(exclude_list, 64);
LIES_AT(excl_list_len, 68);
LIES_AT(subject_list, 72);
LIES_AT(subj_list_len, 76);
LIES_AT(data, 80);
LIES_AT(data_len, 84);

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__
#error "the peer must be compiled for a big-endian machine"
#endif

/* What a received datagram turned out to be. */
enum parsed { GOOD, DUPLICATE_GID, OVERRUN };

/* message.c */
extern int garbage_data_len;	/* leave stack content in data_len */
void soil(struct message *m);
void form(struct message *m, const char *group, unsigned type,
    unsigned sender, unsigned subject);
int add_gid(struct gid_entry **list, unsigned gid);
void drop_lists(struct message *m);
size_t flatten(const struct message *m, char *buffer);
enum parsed parse(struct message *m, const char *buffer, size_t got);
const char *type_name(unsigned type);
void print_list(const char *label, const struct gid_entry *list);
void print_hex(const void *bytes, size_t count);

/* sockets.c */
int open_port(unsigned port);
void address_of(struct sockaddr_in *where, const char *ip, unsigned port);
const char *spell(const struct sockaddr_in *who);
void send_bytes(int fd, const void *bytes, size_t count,
    const struct sockaddr_in *to);
long receive_bytes(int fd, void *buffer, size_t room,
    struct sockaddr_in *from);
long milliseconds(void);
void die(const char *what);

/* mcaster.c, mserver.c, member.c */
int mcaster(int argc, char **argv);
int mserver(int argc, char **argv);
int member(int argc, char **argv);

#endif
